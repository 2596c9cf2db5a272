# ps, pgrep, pkill, pstree and top look at the session's processes.
# variants: bash
sleep 1234567 & first=$!
bash -c 'exec -a renamed sleep 7654321' & second=$!
until [ "$(ps -o args= -p $first,$second | sort | tr '\n' ,)" = "renamed 7654321,sleep 1234567," ]; do sleep 0.01; done
ps -o stat=,comm=,args= -p $first | tr -s ' '
ps -o args= --ppid $$ | grep -c -e '^sleep' -e '^renamed'
[ "$(ps -o ppid= -p $first)" -eq $$ ] && echo parent
[ "$(ps -o pgid= -p $first)" -eq "$(ps -o pgid= -p $$)" ] && echo group
ps aux | grep -e '[ ]sleep 1234567$' -e '[ ]renamed 7654321$' | tr -s ' ' | cut -d' ' -f1,8,11,12 | sort
pgrep -P $$ -f '1234567$' | grep -c "^$first$"
pgrep -P $$ -f '^renamed 7654321' | grep -c "^$second$"
pstree -a $$ >shown; grep -c -e 'sleep 1234567' -e '7654321' shown
TERM=dumb top -b -n 1 -p $first,$second | grep -e ' sleep$' | tr -s ' ' | sed 's/^ //' | cut -d' ' -f2,8,12
pkill -P $$ -f '^renamed'; wait $second; echo $?
kill -STOP $first
until [ "$(ps -o stat= -p $first)" = T ]; do sleep 0.01; done
ps -o state= -p $first
kill -KILL $first; wait $first 2>/dev/null; echo $?
ps -p $first >/dev/null; echo $?
test -n "$(uptime)" && free | grep -c Mem
