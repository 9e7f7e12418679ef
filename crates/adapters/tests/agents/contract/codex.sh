#!/bin/bash
# A scripted app-server. It echoes the ids of requests, and plays the case that the prompt names.
say() { printf '%s\n' "$1"; }
over() {
  say '{"method":"turn/completed","params":{"threadId":"'"$thread"'","turn":{"id":"u","status":"'"$1"'","error":'"${3:-null}"',"items":[{"type":"agentMessage","text":"'"$2"'"}]}}}'
}
play() {
  case $1 in
    fails) over failed no '{"message":"overloaded","codexErrorInfo":"serverOverloaded"}' ;;
    again) over completed again ;;
    blocked) say '{"id":0,"method":"item/tool/requestUserInput","params":{"questions":[{"question":"which?"}]}}' ;;
    interrupted) touch running ;;
    floods) while :; do echo nonsense; done ;;
    stalls) sleep 1000 ;;
    long_line)
      printf '{"method":"item/agentMessage/delta","params":{"delta":"'
      head -c 9000000 /dev/zero | tr '\0' x
      printf '"}}\n'
      over completed ok ;;
    dies) kill -SEGV $$ ;;
    *) over completed ok ;;
  esac
}
thread=new-thread
while read -r line; do
  [[ $line =~ \"id\":([0-9]+) ]] && id=${BASH_REMATCH[1]}
  case $line in
    *'"method":"initialize"'*) say '{"id":'"$id"',"result":{}}' ;;
    *'"method":"thread/resume"'*'"threadId":"99999999'*) say '{"id":'"$id"',"error":{"code":-32600,"message":"no such thread"}}' ;;
    *'"method":"thread/resume"'*)
      [[ $line =~ \"threadId\":\"([^\"]+)\" ]] && thread=${BASH_REMATCH[1]}
      say '{"id":'"$id"',"result":{"thread":{"id":"'"$thread"'"}}}' ;;
    *'"method":"thread/start"'*) say '{"id":'"$id"',"result":{"thread":{"id":"'"$thread"'"}}}' ;;
    *'"method":"turn/start"'*)
      say '{"id":'"$id"',"result":{"turn":{"id":"u"}}}'
      [[ $line =~ case:\ ([a-z_]+) ]] && play "${BASH_REMATCH[1]}" ;;
    *'"method":"turn/interrupt"'*)
      say '{"id":'"$id"',"result":{}}'
      over interrupted no ;;
  esac
done
