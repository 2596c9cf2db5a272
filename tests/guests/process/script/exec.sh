# exec: replaces the shell, with redirections, a missing program, environment.
# variants: dash bash busybox
(exec echo replaced; echo not here)
(exec 3>f; exec sh -c 'echo to three >&3'); cat f
(A=1 exec env | grep ^A=)
(exec nonexistent-program 2>/dev/null; echo not here); echo $?
printf '#!/bin/sh\necho script $# "$@"; exit 7\n' > s; chmod +x s; ./s a 'b c'; echo $?
printf 'echo without a line\n' > t; chmod +x t; ./t
./missing 2>/dev/null; echo $?
chmod -x t; ./t 2>/dev/null; echo $?
env -i /bin/sh -c 'echo "[$HOME]"'
