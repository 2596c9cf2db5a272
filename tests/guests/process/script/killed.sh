# Programs that die by signals, as shells report them.
# variants: dash bash busybox
# slow
for s in HUP INT QUIT KILL TERM USR1 PIPE ALRM; do sh -c "kill -$s \$\$" 2>/dev/null; echo $s $?; done 2>/dev/null
timeout 0.1 sleep 5; echo $?
timeout -s KILL 0.1 sleep 5 2>/dev/null; echo $?
timeout 5 sh -c 'exit 3'; echo $?
timeout 0.4 sh -c 'trap "" TERM; sleep 0.8; echo went on'; echo $?
yes 2>/dev/null | head -1
sh -c 'yes | head -1 >/dev/null; echo $?'
