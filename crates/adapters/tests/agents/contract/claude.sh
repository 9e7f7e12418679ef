#!/bin/bash
# A scripted Claude Code, as its agent SDK talks to it. It plays the case that the prompt names.
[[ -n $ANTHROPIC_AUTH_TOKEN && "$*" != *"$ANTHROPIC_AUTH_TOKEN"* ]] || exit 9
session=new-session
for word in "$@"; do [[ $word == --resume=* ]] && session=${word#--resume=}; done
say() { printf '%s\n' "$1"; }
over() {
  say '{"type":"result","subtype":"'"${3:-success}"'","is_error":'"$2"',"result":"'"$1"'","session_id":"'"$session"'","usage":{"input_tokens":1,"output_tokens":1},"permission_denials":[]'"$4"'}'
}
play() {
  say '{"type":"system","subtype":"init","session_id":"'"$session"'"}'
  case $1 in
    fails) over overloaded true success ',"api_error_status":529,"terminal_reason":"api_error"' ;;
    again) over again false ;;
    blocked) say '{"type":"control_request","request_id":"q","request":{"subtype":"can_use_tool","tool_name":"AskUserQuestion","input":{"questions":[{"question":"which?"}]}}}' ;;
    interrupted) touch running ;;
    floods) while :; do echo nonsense; done ;;
    stalls) sleep 1000 ;;
    long_line)
      printf '{"type":"assistant","message":{"id":"m","content":[{"type":"text","text":"'
      head -c 9000000 /dev/zero | tr '\0' x
      printf '"}]}}\n'
      over ok false ;;
    dies) kill -SEGV $$ ;;
    *) over ok false ;;
  esac
}
while read -r line; do
  case $line in
    *'"subtype":"initialize"'*) say '{"type":"control_response","response":{"subtype":"success","request_id":"initialize","response":{}}}' ;;
    *'"subtype":"interrupt"'*) over no true error_during_execution ;;
    *'"type":"user"'*) [[ $line =~ case:\ ([a-z_]+) ]] && play "${BASH_REMATCH[1]}" ;;
  esac
done
