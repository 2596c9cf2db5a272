// CLONE_PARENT: the new process is the caller's sibling, and the caller's parent waits for it.
#include "process.h"
#include <sched.h>
int main(void)
{
    pid_t me = getpid(), *made = shared_page(PAGE);
    gate go = new_gate();
    pid_t child = CHILD({
        long pid = syscall(SYS_clone, SIGCHLD | CLONE_PARENT, 0, 0, 0, 0);
        if (pid == 0) {
            await(go);
            _exit(getppid() == me ? 8 : 9);
        }
        *made = pid;
        RET(waitpid(pid, NULL, 0));
    });
    reap("child", child);
    pass(go);
    reap("its sibling", *made);
    return 0;
}
