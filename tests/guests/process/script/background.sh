# Background jobs, wait for one and for all, $!, statuses, killed jobs.
# variants: dash bash busybox
(exit 3) & a=$!
(exit 4) & b=$!
wait $a; echo $?
wait $b; echo $?
sleep 100 & c=$!
kill $c; wait $c 2>/dev/null; echo $?
sleep 100 & d=$!
kill -9 $d; wait $d 2>/dev/null; echo $?
for i in 1 2 3 4 5; do echo $i > out-$i & done; wait
cat out-1 out-2 out-3 out-4 out-5
wait; echo $?
wait 99999 2>/dev/null; echo $?
{ sleep 0.05; echo late; } & echo early; wait
kill -0 $d 2>/dev/null; echo gone $?
test $a != $b && echo different
