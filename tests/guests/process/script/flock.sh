# flock(1): exclusion between programs, nonblocking, timeout, a lock that a child inherits.
# variants: dash
echo 0 > n
for i in 1 2 3 4 5 6 7 8; do flock l sh -c 'v=$(cat n); sleep 0.005; echo $((v + 1)) > n' & done; wait; cat n
flock l sh -c 'touch held; sleep 5' & while ! test -e held; do sleep 0.01; done
flock -n l echo not here; echo $?
flock -w 0.05 l echo not here; echo $?
kill $!; flock -n l true; echo the child still has it $?
exec 9> m; flock 9; (flock -n 9 && echo the same description); flock -n m true; echo $?; exec 9>&-; flock -n m echo free
