// Blocking, pending, SA_NODEFER, SA_RESETHAND, sa_mask, nesting, order, sigsuspend, errors of sigaction.
// variants: static musl
#include "guest.h"
static volatile int depth, deepest, count;
static void plain(int number)
{
    sigset_t now;
    sigprocmask(SIG_SETMASK, 0, &now);
    say("handler %s: blocked USR1 %d USR2 %d TERM %d KILL %d", signal_name(number), sigismember(&now, SIGUSR1),
        sigismember(&now, SIGUSR2), sigismember(&now, SIGTERM), sigismember(&now, SIGKILL));
}
static void nested(int number)
{
    depth++;
    if (depth > deepest)
        deepest = depth;
    if (depth < 5 && count++ < 20)
        raise(number);
    depth--;
}
static void order(int number) { say("delivered %s", signal_name(number)); }
static void set_handler(int number, void (*handler)(int), int flags, int also)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    if (also)
        sigaddset(&action.sa_mask, also);
    MUST(sigaction(number, &action, 0));
}
int main(void)
{
    sigset_t set, old, none;
    sigemptyset(&none);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1), sigaddset(&set, SIGKILL), sigaddset(&set, SIGSTOP);
    RET(sigprocmask(SIG_BLOCK, &set, &old));
    say("before: USR1 %d", sigismember(&old, SIGUSR1));
    sigprocmask(SIG_BLOCK, 0, &old);
    say("now: USR1 %d KILL %d STOP %d", sigismember(&old, SIGUSR1), sigismember(&old, SIGKILL), sigismember(&old, SIGSTOP));
    set_handler(SIGUSR1, plain, 0, 0);
    raise(SIGUSR1), raise(SIGUSR1), raise(SIGUSR1);
    sigset_t pending;
    RET(sigpending(&pending));
    say("pending USR1 %d USR2 %d", sigismember(&pending, SIGUSR1), sigismember(&pending, SIGUSR2));
    RET(sigprocmask(SIG_UNBLOCK, &set, 0)); // one delivery
    set_handler(SIGUSR1, plain, SA_NODEFER, SIGTERM);
    raise(SIGUSR1);
    set_handler(SIGUSR1, nested, 0, 0);
    raise(SIGUSR1);
    say("without NODEFER depth %d", deepest);
    deepest = count = 0;
    set_handler(SIGUSR1, nested, SA_NODEFER, 0);
    raise(SIGUSR1);
    say("with NODEFER depth %d", deepest);
    struct sigaction now;
    set_handler(SIGUSR2, plain, SA_RESETHAND, 0);
    raise(SIGUSR2);
    sigaction(SIGUSR2, 0, &now);
    say("reset: %d", now.sa_handler == SIG_DFL);
    // Several at once: lowest number first; handlers nest so that the lowest runs last among them... as seen:
    int several[] = {SIGTERM, SIGUSR2, SIGHUP, SIGUSR1, SIGALRM};
    sigfillset(&set);
    sigprocmask(SIG_SETMASK, &set, 0);
    for (size_t i = 0; i < COUNT(several); i++) {
        struct sigaction action = {.sa_handler = order};
        sigfillset(&action.sa_mask);
        sigaction(several[i], &action, 0);
        raise(several[i]);
    }
    sigprocmask(SIG_SETMASK, &none, 0);
    say("all delivered");
    // Ignoring discards what is pending.
    sigemptyset(&set), sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, 0);
    raise(SIGUSR1);
    signal(SIGUSR1, SIG_IGN);
    sigpending(&pending);
    say("pending after SIG_IGN: %d", sigismember(&pending, SIGUSR1));
    signal(SIGUSR1, order);
    sigprocmask(SIG_UNBLOCK, &set, 0);
    say("nothing came");
    // sigsuspend lets through what it does not block, and puts the mask back.
    sigprocmask(SIG_BLOCK, &set, 0);
    raise(SIGUSR1);
    sigset_t except;
    sigfillset(&except), sigdelset(&except, SIGUSR1);
    RET(sigsuspend(&except));
    sigprocmask(SIG_BLOCK, 0, &old);
    say("mask back: USR1 %d USR2 %d", sigismember(&old, SIGUSR1), sigismember(&old, SIGUSR2));
    // Errors.
    struct sigaction action = {.sa_handler = order};
    RET(sigaction(SIGKILL, &action, 0));
    RET(sigaction(SIGSTOP, &action, 0));
    RET(sigaction(0, &action, 0));
    RET(sigaction(65, &action, 0));
    RET(syscall(SYS_rt_sigaction, SIGUSR1, 0, 8, 8));
    RET(syscall(SYS_rt_sigaction, SIGUSR1, 8, 0, 8));
    RET(syscall(SYS_rt_sigaction, SIGUSR1, 0, 0, 16));
    RET(syscall(SYS_rt_sigaction, SIGKILL, 0, 0, 8));
    RET(syscall(SYS_rt_sigprocmask, 7, &none, 0, 8));
    RET(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &none, 0, 4));
    RET(syscall(SYS_rt_sigprocmask, SIG_BLOCK, 8, 0, 8));
    RET(syscall(SYS_rt_sigprocmask, 7, 0, 0, 8));
    RET(syscall(SYS_rt_sigpending, 8, 8));
    RET(syscall(SYS_rt_sigpending, &pending, 9));
    RET(syscall(SYS_rt_sigsuspend, &none, 9));
    RET(kill(getpid(), 65));
    RET(kill(getpid(), -1));
    RET(kill(getpid(), 0));
    RET(kill(0x7ffffff0, 0));
    RET(syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), 0));
    RET(syscall(SYS_tgkill, getpid(), 0, 0));
    RET(syscall(SYS_tgkill, -1, 1, 0));
    RET(syscall(SYS_tgkill, getpid(), 0x7ffffff0, 0));
    RET(syscall(SYS_tkill, syscall(SYS_gettid), 0));
    RET(syscall(SYS_tkill, 0, 0));
    return 0;
}
