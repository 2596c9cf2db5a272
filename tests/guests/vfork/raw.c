// clone(2) and clone3(2) of children that share memory: stacks, ids, thread pointers, errors.
// variants: static
// flags: -Wno-clobbered
#include "child.h"

static char stack[65536] __attribute__((aligned(16)));
static volatile int shared;

static int run(void *argument)
{
    shared = (int)(long)argument;
    return shared + 1;
}

static void handler(int number) { (void)number; }

int main(void)
{
    pid_t child = clone(run, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, (void *)5);
    say("shared %d", shared);
    reap("clone", child);
    pid_t parent_tid = 0, child_tid = 77;
    child = clone(run, stack + sizeof stack, CLONE_VM | CLONE_VFORK | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD,
                  (void *)6, &parent_tid, NULL, &child_tid);
    YES(parent_tid == child && child_tid == child);
    reap("ids", child);
    child = clone(run, stack + sizeof stack, CLONE_VM | CLONE_VFORK | CLONE_CHILD_CLEARTID | SIGCHLD, (void *)7, NULL, NULL,
                  &child_tid);
    say("cleared: %d", child_tid);
    reap("clear", child);

    struct clone_args args = {.flags = CLONE_VM | CLONE_VFORK, .exit_signal = SIGCHLD};
    child = clone3_here(&args, sizeof args);
    if (child == 0)
        _exit(11);
    reap("clone3", child);
    // Handlers go, what is ignored stays.
    signal(SIGUSR1, SIG_IGN);
    struct sigaction action = {.sa_handler = handler};
    sigaction(SIGUSR2, &action, NULL);
    args.flags |= CLONE_CLEAR_SIGHAND;
    child = clone3_here(&args, sizeof args);
    if (child == 0) {
        struct sigaction one, two;
        syscall(SYS_rt_sigaction, SIGUSR1, NULL, &one, 8);
        syscall(SYS_rt_sigaction, SIGUSR2, NULL, &two, 8);
        _exit((one.sa_handler == SIG_IGN) | (two.sa_handler == SIG_DFL) << 1);
    }
    reap("handlers", child);
    sigaction(SIGUSR2, NULL, &action);
    YES(action.sa_handler == handler);

    args.exit_signal = 65;
    RET(syscall(SYS_clone3, &args, sizeof args));
    args.exit_signal = SIGCHLD;
    args.flags = CLONE_VM | CLONE_VFORK | CLONE_SIGHAND | CLONE_CLEAR_SIGHAND;
    RET(syscall(SYS_clone3, &args, sizeof args));
    args.flags = CLONE_VFORK | CLONE_SIGHAND;
    RET(syscall(SYS_clone3, &args, sizeof args));
    args.flags = CLONE_VM | CLONE_VFORK | CLONE_THREAD;
    RET(syscall(SYS_clone3, &args, sizeof args));
    args.flags = CLONE_VM | CLONE_VFORK;
    args.stack = (uintptr_t)stack;
    RET(syscall(SYS_clone3, &args, sizeof args));
    RET(syscall(SYS_clone3, &args, 32));
    RET(syscall(SYS_clone3, NULL, sizeof args));
    RET(waitpid(-1, NULL, WNOHANG));
    return 0;
}
