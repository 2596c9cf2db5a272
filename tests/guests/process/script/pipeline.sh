# Pipelines of programs, exit statuses of their parts, ten stages, early ends.
# variants: dash bash busybox
seq 1 100 | grep 7 | sort -rn | head -3
echo one two three | tr ' ' '\n' | sed 's/^/<&>/' | wc -l
false | true; echo $?
true | false; echo $?
! true; echo $?
yes | head -2
seq 1 50000 | tail -1
echo x | cat | cat | cat | cat | cat | cat | cat | cat | cat | tr x y
(echo a; echo b >&2) 2>&1 | sort
{ echo grouped; exit 3; } | cat; echo $?
seq 1 10 | while read n; do test $n = 5 && exit 7; done; echo $?
