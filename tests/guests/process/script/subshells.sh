# What a subshell has of its own: variables, directory, umask, traps, options, its pid.
# variants: dash bash
x=outer; (x=inner; echo $x); echo $x
mkdir d; (cd d; pwd | sed 's,.*/,,'); test -d d && echo back
umask 022; (umask 077; : > private); : > public; stat -c %a private public
(set -f; echo *); echo d*
(exit 9); echo $?
test $$ = $(echo $$) && echo '$$ is the main shell'
sh -c 'test $PPID != $$ && echo a parent'
f() { local v=1 2>/dev/null; v=2; }; f; echo "[$v]"
( ( ( echo deep ) ) )
