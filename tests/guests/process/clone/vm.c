// CLONE_VM without CLONE_THREAD: another pid in the same memory, on a stack of its own.
// variants: static
#include "process.h"
#include <sched.h>
static char stack[65536] __attribute__((aligned(16)));
static volatile int value;
static int run(void *p)
{
    value = *(int *)p + 1;
    while (value != 100)
        syscall(SYS_sched_yield);
    syscall(SYS_exit_group, 6);
    return 0;
}
int main(void)
{
    int argument = 41;
    pid_t pid = clone(run, stack + sizeof stack, CLONE_VM | SIGCHLD, &argument);
    if (pid < 0) {
        say("absent");
        return 0;
    }
    while (!value)
        syscall(SYS_sched_yield);
    say("value %d", value);
    value = 100;
    reap("child", pid);
    pid = clone(run, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, &(int){99});
    say("after a vfork of that kind: %d", value);
    reap("child", pid);
    return 0;
}
