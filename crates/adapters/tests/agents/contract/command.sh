#!/bin/bash
# A program as docs/agents/command.md describes one. It plays the case that the prompt names.
prompt=$(cat)
[[ $prompt == "$(cat "$SEAWALL_PROMPT_FILE")" && -n $OPENAI_API_KEY && "$*" != *"$OPENAI_API_KEY"* ]] || exit 9
[[ $prompt =~ case:\ ([a-z_]+) ]]
case ${BASH_REMATCH[1]} in
  fails) exit 3 ;;
  again) echo '{"status":"done","summary":"again"}' >"$SEAWALL_RESULT_FILE" ;;
  blocked) echo '{"status":"blocked","question":"which?"}' >"$SEAWALL_RESULT_FILE" ;;
  interrupted) touch running; sleep 1000 ;;
  floods) head -c 20000000 /dev/zero | tr '\0' '\n'; echo ok ;;
  stalls) sleep 1000 ;;
  long_line) head -c 9000000 /dev/zero | tr '\0' x; echo; echo ok ;;
  dies) kill -SEGV $$ ;;
  *) echo ok ;;
esac
