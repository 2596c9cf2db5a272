// CLONE_VM without CLONE_VFORK: a process of its own in the same memory, which runs beside its parent; CLONE_PARENT.
// flags: -Wno-clobbered
#include "child.h"

static char stacks[3][65536] __attribute__((aligned(16)));
static volatile int value, stage;
static volatile pid_t sibling;

static int counts(void *argument)
{
    int amount = *(int *)argument;
    for (int n = 0; n < 1000; n++) {
        value += amount;
        if (n % 100 == 0)
            syscall(SYS_sched_yield);
    }
    syscall(SYS_exit_group, amount);
    return 0;
}

static int makes_sibling(void *argument)
{
    int number = 9;
    sibling = syscall(SYS_clone, CLONE_VM | CLONE_VFORK | CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
    if (sibling == 0)
        syscall(SYS_exit_group, syscall(SYS_getppid) == *(pid_t *)argument ? 21 : 22);
    (void)number;
    syscall(SYS_exit_group, syscall(SYS_wait4, -1, 0, 0, 0) == -1 ? 23 : 24);
    return 0;
}

static int reads(void *argument)
{
    char byte = 0;
    int *fds = argument;
    syscall(SYS_close, fds[1]);
    while (syscall(SYS_read, fds[0], &byte, 1) == 1)
        value += byte;
    syscall(SYS_exit_group, 31);
    return 0;
}

int main(void)
{
    int one = 1;
    pid_t child = MUST(clone(counts, stacks[0] + sizeof stacks[0], CLONE_VM | SIGCHLD, &one));
    while (value < 1000)
        sched_yield();
    reap("counts", child);
    pid_t me = getpid();
    child = MUST(clone(makes_sibling, stacks[1] + sizeof stacks[1], CLONE_VM | SIGCHLD, &me));
    reap("makes a sibling", child);
    reap("sibling", sibling);
    // Descriptors are its own: the end of the file comes when the parent closes.
    int fds[2];
    MUST(pipe(fds));
    value = 0;
    child = MUST(clone(reads, stacks[2] + sizeof stacks[2], CLONE_VM | SIGCHLD, fds));
    for (char byte = 1; byte < 5; byte++)
        write(fds[1], &byte, 1);
    close(fds[1]);
    reap("reads", child);
    say("value %d", value);
    RET(kill(child, 0));
    return 0;
}
