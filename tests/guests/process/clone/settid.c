// CLONE_PARENT_SETTID, CLONE_CHILD_SETTID and CLONE_CHILD_CLEARTID of processes.
// variants: static
#include "process.h"
#include <sched.h>
int main(void)
{
    static int parent_tid, child_tid;
    int *seen = shared_page(PAGE);
    long pid = syscall(SYS_clone, SIGCHLD | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID, 0, &parent_tid, &child_tid, 0);
    if (pid == 0) {
        seen[0] = parent_tid, seen[1] = child_tid, seen[2] = getpid();
        _exit(0);
    }
    reap("child", pid);
    YES(parent_tid == pid);
    YES(child_tid == 0);
    YES(seen[0] == 0);
    YES(seen[1] == pid && seen[2] == pid);
    seen[3] = 77;
    pid = syscall(SYS_clone, SIGCHLD | CLONE_CHILD_CLEARTID, 0, 0, &seen[3], 0);
    if (pid == 0)
        _exit(0);
    reap("child with CLEARTID in shared memory", pid);
    say("nobody else used the child's memory, so it is not cleared: %d", seen[3]);
    pid = syscall(SYS_clone, SIGCHLD | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID, 0, 0, &seen[4], 0);
    if (pid == 0) {
        seen[5] = seen[4];
        _exit(0);
    }
    reap("child", pid);
    YES(seen[5] == pid);
    pid = syscall(SYS_clone, SIGCHLD | CLONE_PARENT_SETTID, 0, 8, 0, 0);
    if (pid == 0)
        _exit(0);
    say("bad parent address: %s", pid < 0 ? error_name(errno) : "ok");
    if (pid > 0)
        reap("child", pid);
    pid = syscall(SYS_clone, SIGCHLD | CLONE_CHILD_SETTID, 0, 0, 8, 0);
    if (pid == 0)
        _exit(5);
    reap("bad child address", pid);
    return 0;
}
