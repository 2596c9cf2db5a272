// clone: combinations of flags that are refused.
#include "process.h"
#include <sched.h>
#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND 0x100000000ul
#endif
#ifndef CLONE_DETACHED
#define CLONE_DETACHED 0x400000
#endif
static long try(unsigned long flags)
{
    long pid = syscall(SYS_clone, flags, 0, 0, 0, 0);
    if (pid == 0)
        _exit(0);
    if (pid > 0)
        waitpid(pid, NULL, __WALL);
    return pid > 0 ? 1 : pid;
}
int main(void)
{
    RET(try(SIGCHLD));
    RET(try(CLONE_SIGHAND));
    RET(try(CLONE_THREAD));
    RET(try(CLONE_THREAD | CLONE_SIGHAND));
    RET(try(CLONE_THREAD | CLONE_VM));
    RET(try(CLONE_FS | CLONE_NEWNS | SIGCHLD));
    RET(try(CLONE_NEWUSER | CLONE_FS | SIGCHLD));
    RET(try(CLONE_VM | CLONE_NEWIPC | CLONE_SYSVSEM | SIGCHLD));
    RET(try(CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD));
    RET(try(CLONE_PIDFD | CLONE_DETACHED | SIGCHLD));
    RET(try(CLONE_SIGHAND | CLONE_CLEAR_SIGHAND));
    RET(try(CLONE_DETACHED | SIGCHLD));
    RET(try(0));
    RET(waitpid(-1, NULL, __WALL));
    return 0;
}
