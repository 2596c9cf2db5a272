// timer_create: signals with values, threads, overruns, remaining time, deletion, errors.
// variants: static musl
#include "guest.h"
static volatile int count, value, code, overrun_total;
static volatile pid_t thread;
static timer_t timer;
static void handler(int number, siginfo_t *info, void *context)
{
    (void)number, (void)context;
    count++, value = info->si_value.sival_int, code = info->si_code;
    overrun_total += info->si_overrun;
    thread = (pid_t)syscall(SYS_gettid);
}
static void wait_for(int n)
{
    int64_t end = now_ms() + 1500;
    while (count < n && now_ms() < end)
        sleep_ms(1);
    say("%s", count >= n ? "came" : "did not come");
}
static void *sleeper(void *out)
{
    *(volatile pid_t *)out = (pid_t)syscall(SYS_gettid);
    while (!thread)
        sleep_ms(1);
    return NULL;
}
static void notified(union sigval v) { count = v.sival_int; }
int main(void)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigaction(SIGRTMIN, &action, 0);
    sigaction(SIGALRM, &action, 0);
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value.sival_int = 77};
    struct itimerspec t = {{0, 3000000}, {0, 5000000}}, now;
    RET(timer_create(CLOCK_MONOTONIC, &event, &timer));
    RET(timer_settime(timer, 0, &t, 0));
    wait_for(4);
    say("value %d code %d", value, code);
    RET(timer_gettime(timer, &now));
    YES(now.it_interval.tv_nsec == 3000000 && now.it_value.tv_sec == 0 && now.it_value.tv_nsec <= 3000000);
    // Blocked: one signal is queued, the rest are overruns.
    sigset_t set;
    sigemptyset(&set), sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, 0);
    sleep_ms(40);
    siginfo_t info;
    RET(sigwaitinfo(&set, &info) == SIGRTMIN);
    YES(info.si_overrun >= 3 && timer_getoverrun(timer) == info.si_overrun);
    t = (struct itimerspec){0};
    RET(timer_settime(timer, 0, &t, &now));
    while (sigtimedwait(&set, &info, &(struct timespec){0}) > 0)
        ;
    sigprocmask(SIG_UNBLOCK, &set, 0);
    RET(timer_gettime(timer, &now));
    say("stopped: %ld", now.it_value.tv_nsec);
    // Absolute, in the future and in the past.
    count = 0;
    clock_gettime(CLOCK_MONOTONIC, &t.it_value);
    t.it_value.tv_nsec += 10000000;
    if (t.it_value.tv_nsec >= 1000000000)
        t.it_value.tv_sec++, t.it_value.tv_nsec -= 1000000000;
    RET(timer_settime(timer, TIMER_ABSTIME, &t, 0));
    wait_for(1);
    RET(timer_settime(timer, TIMER_ABSTIME, &t, 0));
    wait_for(2);
    RET(timer_delete(timer));
    RET(timer_delete(timer));
    RET(syscall(SYS_timer_gettime, 12345, &now));
    // To one thread.
    pthread_t p;
    pid_t tid = 0;
    count = 0, thread = 0;
    pthread_create(&p, 0, sleeper, &tid);
    while (!tid)
        sched_yield();
    struct {
        union sigval value;
        int signo, notify;
        int tid;
        char pad[44];
    } to_thread = {.signo = SIGRTMIN, .notify = 4 /* SIGEV_THREAD_ID */, .tid = tid};
    int id;
    RET(syscall(SYS_timer_create, CLOCK_MONOTONIC, &to_thread, &id));
    t = (struct itimerspec){{0}, {0, 5000000}};
    RET(syscall(SYS_timer_settime, id, 0, &t, 0));
    pthread_join(p, 0);
    YES(thread == tid);
    to_thread.tid = 0x7ffffff0;
    RET(syscall(SYS_timer_create, CLOCK_MONOTONIC, &to_thread, &id));
    // As a thread of its own (the C library's work).
    event = (struct sigevent){.sigev_notify = SIGEV_THREAD, .sigev_notify_function = notified, .sigev_value.sival_int = 55};
    count = 0;
    RET(timer_create(CLOCK_MONOTONIC, &event, &timer));
    RET(timer_settime(timer, 0, &t, 0));
    wait_for(55);
    // Without any notification, and the default one.
    event = (struct sigevent){.sigev_notify = SIGEV_NONE};
    RET(timer_create(CLOCK_REALTIME, &event, &timer));
    t.it_value.tv_sec = 100;
    RET(timer_settime(timer, 0, &t, 0));
    RET(timer_gettime(timer, &now));
    YES(now.it_value.tv_sec >= 99 && now.it_value.tv_sec <= 100);
    count = 0;
    RET(timer_create(CLOCK_BOOTTIME, 0, &timer));
    t = (struct itimerspec){{0}, {0, 2000000}};
    RET(timer_settime(timer, 0, &t, 0));
    wait_for(1);
    // Errors.
    event.sigev_notify = 99;
    RET(syscall(SYS_timer_create, CLOCK_MONOTONIC, &(int[16]){0, 0, 10, 99}, &id));
    RET(syscall(SYS_timer_create, CLOCK_MONOTONIC, &(int[16]){0, 0, 99, 0}, &id));
    RET(syscall(SYS_timer_create, 77, 0, &id));
    RET(syscall(SYS_timer_create, CLOCK_MONOTONIC, 8, &id));
    RET(syscall(SYS_timer_create, CLOCK_MONOTONIC, 0, 8));
    RET(syscall(SYS_timer_settime, id, 0, 8, 0));
    t.it_value.tv_nsec = 1000000000;
    RET(timer_settime(timer, 0, &t, 0));
    t.it_value.tv_nsec = -1;
    RET(timer_settime(timer, 0, &t, 0));
    return 0;
}
