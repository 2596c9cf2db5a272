# bash: process substitution, coprocesses, mapfile, PIPESTATUS, BASHPID.
# variants: bash
diff <(seq 1 5) <(seq 1 6)
cat <(echo one) <(echo two)
echo data > >(cat > out; echo done > flag); while ! test -e flag; do sleep 0.01; done; cat out
coproc bc_like { while read a b; do echo $((a * b)); done; }
echo 6 7 >&${bc_like[1]}; read -u ${bc_like[0]} r; echo $r
exec {bc_like[1]}>&-; wait $bc_like_PID; echo $?
true | false | exit 3 | true; echo "${PIPESTATUS[@]}"
set -o pipefail; true | (exit 4) | true; echo $?
mapfile -t lines < <(seq 3); echo ${#lines[@]} ${lines[2]}
(test $BASHPID != $$ && echo own pid)
shopt -s lastpipe; echo value | read v; echo $v
