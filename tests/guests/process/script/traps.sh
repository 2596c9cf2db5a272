# Traps: on exit, on signals of others, in subshells, ignored ones inherited.
# variants: dash bash busybox
trap 'echo exit trap' EXIT
trap 'echo got USR1' USR1
kill -USR1 $$
(trap - EXIT; trap 'echo sub exit' EXIT; echo in sub)
sh -c 'kill -USR1 $PPID'
sleep 0
trap '' TERM
sh -c 'kill -TERM $$; echo ignored by inheritance'
trap - TERM
sh -c 'kill -TERM $$' ; echo $?
sh -c 'trap "echo caught; exit 9" TERM; kill -TERM $$; echo not here'; echo $?
exit 6
