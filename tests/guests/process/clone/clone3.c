// clone3: struct sizes, exit signals, set_tid, pidfd, stacks: what works and what is refused.
#include "process.h"
#include <sched.h>
#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND 0x100000000ul
#endif
#ifndef CLONE_DETACHED
#define CLONE_DETACHED 0x400000
#endif
struct args { uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup, more; };
static long try(struct args a, size_t size)
{
    long pid = syscall(SYS_clone3, &a, size);
    if (pid == 0)
        _exit(0);
    if (pid > 0)
        waitpid(pid, NULL, __WALL);
    return pid > 0 ? 1 : pid;
}
int main(void)
{
    int tid = 0;
    handle(64, SIG_IGN, 0);
    RET(try((struct args){.exit_signal = SIGCHLD}, 64));
    RET(try((struct args){.exit_signal = SIGCHLD}, 80));
    RET(try((struct args){.exit_signal = SIGCHLD}, 88));
    RET(try((struct args){.exit_signal = SIGCHLD}, 96));
    RET(try((struct args){.exit_signal = SIGCHLD, .more = 1}, 96));
    RET(try((struct args){.exit_signal = SIGCHLD}, 63));
    RET(try((struct args){.exit_signal = SIGCHLD}, 0));
    RET(syscall(SYS_clone3, NULL, 88));
    RET(syscall(SYS_clone3, NULL, 8));
    RET(syscall(SYS_clone3, 8, 88));
    RET(syscall(SYS_clone3, 8, 5000));
    RET(try((struct args){.exit_signal = 65}, 88));
    RET(try((struct args){.exit_signal = 64}, 88));
    RET(try((struct args){.exit_signal = 1ull << 32 | SIGCHLD}, 88));
    RET(try((struct args){.flags = SIGCHLD}, 88));
    RET(try((struct args){.flags = CLONE_DETACHED}, 88));
    RET(try((struct args){.flags = 1ull << 40}, 88));
    RET(try((struct args){.stack = 4096, .exit_signal = SIGCHLD}, 88));
    RET(try((struct args){.stack_size = 4096, .exit_signal = SIGCHLD}, 88));
    RET(try((struct args){.flags = CLONE_SIGHAND, .exit_signal = SIGCHLD}, 88));
    RET(try((struct args){.flags = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM, .exit_signal = SIGCHLD}, 88));
    RET(try((struct args){.flags = CLONE_PARENT, .exit_signal = SIGCHLD}, 88));
    RET(try((struct args){.flags = CLONE_SIGHAND | CLONE_VM | CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD}, 88));
    RET(try((struct args){.set_tid = (uint64_t)&tid, .set_tid_size = 1, .exit_signal = SIGCHLD}, 88));
    RET(try((struct args){.set_tid = (uint64_t)&tid, .exit_signal = SIGCHLD}, 88));
    RET(try((struct args){.set_tid_size = 1, .exit_signal = SIGCHLD}, 88));
    RET(try((struct args){.set_tid = (uint64_t)&tid, .set_tid_size = 33, .exit_signal = SIGCHLD}, 88));
    RET(try((struct args){.flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD}, 88));
    return 0;
}
