// Real-time signals queue in order, lowest number first, with values; standard ones merge; sigtimedwait; limits.
// variants: static musl
#include "guest.h"
#include <sys/resource.h>
static volatile int got;
static void handler(int number, siginfo_t *info, void *context)
{
    (void)context;
    say("RTMIN+%d value %d code %d", number - SIGRTMIN, info->si_value.sival_int, info->si_code);
    got++;
}
int main(void)
{
    sigset_t all, none;
    sigfillset(&all), sigemptyset(&none);
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigfillset(&action.sa_mask);
    for (int i = 0; i < 3; i++)
        sigaction(SIGRTMIN + i, &action, 0);
    sigprocmask(SIG_SETMASK, &all, 0);
    for (int i = 0; i < 5; i++) {
        union sigval v = {.sival_int = 100 + i};
        RET(sigqueue(getpid(), SIGRTMIN + 2 - i % 3, v));
    }
    sigprocmask(SIG_SETMASK, &none, 0);
    say("%d came", got);
    // The same by sigtimedwait.
    sigprocmask(SIG_SETMASK, &all, 0);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN), sigaddset(&set, SIGRTMIN + 1), sigaddset(&set, SIGUSR1);
    for (int i = 0; i < 4; i++)
        sigqueue(getpid(), SIGRTMIN + i % 2, (union sigval){.sival_int = i});
    kill(getpid(), SIGUSR1), kill(getpid(), SIGUSR1);
    siginfo_t info;
    struct timespec zero = {0, 0}, short_time = {0, 20000000}, bad = {0, 1000000000};
    int n;
    while ((n = sigtimedwait(&set, &info, &zero)) > 0)
        say("took %s%d value %d code %d, own pid %d uid %d", n == SIGUSR1 ? "USR1 " : "RTMIN+", n == SIGUSR1 ? 0 : n - SIGRTMIN,
            n == SIGUSR1 ? 0 : info.si_value.sival_int, info.si_code, info.si_pid == getpid(), info.si_uid == getuid());
    say("then %s", error_name(errno));
    int64_t start = now_ms();
    RET(sigtimedwait(&set, &info, &short_time));
    YES(now_ms() - start >= 19 && now_ms() - start < 1000);
    RET(sigtimedwait(&set, &info, &bad));
    RET(syscall(SYS_rt_sigtimedwait, 8, 0, 0, 8));
    RET(syscall(SYS_rt_sigtimedwait, &set, 0, 8, 8));
    RET(syscall(SYS_rt_sigtimedwait, &set, 0, &zero, 16));
    // A bad place for the result: the signal is gone all the same.
    kill(getpid(), SIGUSR1);
    RET(syscall(SYS_rt_sigtimedwait, &set, 8, &zero, 8));
    RET(sigtimedwait(&set, &info, &zero));
    // sigwait.
    kill(getpid(), SIGUSR1);
    int number = 0;
    ERR(sigwait(&set, &number));
    say("%s", signal_name(number));
    // rt_sigqueueinfo: what codes may be sent to oneself.
    memset(&info, 0, sizeof info);
    info.si_code = -5, info.si_value.sival_int = 77;
    RET(syscall(SYS_rt_sigqueueinfo, getpid(), SIGRTMIN, &info));
    RET(syscall(SYS_rt_tgsigqueueinfo, getpid(), getpid(), SIGRTMIN, &info));
    n = sigtimedwait(&set, &info, &zero);
    say("code %d value %d number right %d", info.si_code, info.si_value.sival_int, n == SIGRTMIN);
    RET(syscall(SYS_rt_sigqueueinfo, getpid(), SIGRTMIN, 8));
    RET(syscall(SYS_rt_sigqueueinfo, getpid(), 65, &info));
    RET(sigqueue(0x7ffffff0, SIGRTMIN, (union sigval){0}));
    while (sigtimedwait(&set, &info, &zero) > 0)
        ;
    // RLIMIT_SIGPENDING bounds the queue.
    struct rlimit limit = {10, 10};
    RET(setrlimit(RLIMIT_SIGPENDING, &limit));
    n = 0;
    while (n < 100 && sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = n}) == 0)
        n++;
    say("queued at most ten: %s, then %s", n <= 10 ? "yes" : "no", error_name(errno));
    RET(kill(getpid(), SIGUSR1));
    return 0;
}
