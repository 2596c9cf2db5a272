# Job control without a terminal: jobs, stopped and continued, bg, fg, disown.
# variants: bash
set -m
sleep 100 &
kill -STOP $!; until jobs -s | grep -q .; do sleep 0.01; done
jobs | sed 's/[0-9]\{3,\}/N/'
kill -CONT $!; until jobs -r | grep -q .; do sleep 0.01; done
jobs | sed 's/[0-9]\{3,\}/N/'
kill %1; wait %1 2>/dev/null; echo $?
(exit 3) & wait $!; echo $?
sleep 0.05 & fg >/dev/null; echo $?
set +m
sleep 100 & disown; jobs; kill $!
for i in 1 2 3; do (exit $i) & done; n=0; while wait -n; s=$?; test $s != 127; do n=$((n + s)); done; echo $n
