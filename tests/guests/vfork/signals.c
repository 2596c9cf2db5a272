// Signals between a process and its children: SIGCHLD, kill(2) of both, dispositions that reap.
// variants: static musl
// flags: -Wno-clobbered
#include "child.h"

static volatile int count, code, status, waited;
static volatile pid_t sender;

static void handler(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    count++;
    code = info->si_code;
    status = info->si_status;
    sender = info->si_pid;
}

static void on_signal(int number, void (*action)(int, siginfo_t *, void *), int flags)
{
    struct sigaction new = {.sa_sigaction = action, .sa_flags = SA_SIGINFO | flags};
    MUST(sigaction(number, &new, NULL));
}

// Until it has ended, and has said so.
static void settle(pid_t child)
{
    siginfo_t info;
    while (waitid(P_PID, child, &info, WEXITED | WNOWAIT) < 0 && errno == EINTR)
        ;
}

static volatile pid_t target;

// Another thread of the parent, which goes on while the child runs.
static void *killer(void *argument)
{
    while (!target)
        sleep_ms(1);
    sleep_ms(20);
    say("kill: %s", kill(target, (int)(long)argument) ? error_name(errno) : "ok");
    return NULL;
}

static void *waiter(void *argument)
{
    (void)argument;
    while (!target)
        sleep_ms(1);
    int state;
    pid_t got = waitpid(target, &state, 0);
    say("other thread: %s", got == target ? status_text(state) : error_name(errno));
    return NULL;
}

int main(void)
{
    pid_t child;
    on_signal(SIGCHLD, handler, 0);
    child = VFORK(_exit(3));
    settle(child);
    say("SIGCHLD %d, code %d, status %d, from the child %d", count, code, status, sender == child);
    reap("child", child);
    child = VFORK(kill(getpid(), SIGUSR1));
    settle(child);
    say("SIGCHLD %d, code %d, status %d, from the child %d", count, code, status, sender == child);
    reap("child", child);
    // A handler in the child runs there.
    on_signal(SIGUSR2, handler, 0);
    count = 0;
    child = VFORK(kill(getpid(), SIGUSR2); _exit(count));
    reap("handled", child);

    // Nobody to be waited for.
    signal(SIGCHLD, SIG_IGN);
    child = VFORK(_exit(1));
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
        ;
    RET(waitpid(child, NULL, 0));
    RET(kill(child, 0));
    on_signal(SIGCHLD, handler, SA_NOCLDWAIT);
    count = 0;
    child = VFORK(_exit(1));
    while (waitpid(-1, NULL, 0) < 0 && errno == EINTR)
        ;
    RET(waitpid(-1, NULL, 0));
    say("SIGCHLD %d", count);
    signal(SIGCHLD, SIG_DFL);

    // A child that has ended can be sent signals until it has been waited for.
    child = VFORK(_exit(1));
    settle(child);
    RET(kill(child, SIGKILL));
    RET(kill(child, 0));
    RET(syscall(SYS_tgkill, child, child, 0));
    reap("ended", child);
    RET(kill(child, 0));

    // The child signals its parent, which takes it when it goes on.
    count = 0;
    on_signal(SIGUSR1, handler, 0);
    pid_t me = getpid();
    volatile int before;
    child = VFORK(kill(getppid(), SIGUSR1); sleep_ms(10); before = count);
    say("before %d, after %d, code %d", before, count, code);
    YES(sender == child);
    reap("sender", child);
    child = VFORK(kill(0, SIGURG); _exit(kill(me, 0)));
    reap("group", child);
    child = VFORK(_exit(syscall(SYS_tgkill, me, me, 0) == 0 ? 5 : 6));
    reap("tgkill", child);
    child = VFORK(_exit(syscall(SYS_tgkill, me, getpid(), 0) == -1 && errno == ESRCH ? 5 : 6));
    reap("tgkill of another process's", child);

    // From another thread of the parent.
    pthread_t thread;
    pthread_create(&thread, NULL, killer, (void *)SIGKILL);
    child = VFORK(target = getpid(); for (;;) pause());
    pthread_join(thread, NULL);
    reap("killed", child);
    target = 0;
    pthread_create(&thread, NULL, killer, (void *)SIGTERM);
    child = VFORK(target = getpid(); for (volatile int n = 0;; n++));
    pthread_join(thread, NULL);
    reap("killed while it computes", child);
    target = 0;
    pthread_create(&thread, NULL, waiter, NULL);
    child = VFORK(target = getpid(); sleep_ms(30); _exit(17));
    pthread_join(thread, NULL);
    RET(waitpid(child, NULL, 0));
    // A parent that is to die does not wait for its child.
    target = me;
    pthread_create(&thread, NULL, killer, (void *)SIGTERM);
    VFORK(signal(SIGTERM, SIG_IGN); sleep_ms(200); _exit(0));
    say("TEST FAILED: alive");
    return 0;
}
