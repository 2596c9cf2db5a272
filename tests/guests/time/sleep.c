// nanosleep and clock_nanosleep: lengths, absolute times, interruption and what remains, errors.
// variants: static musl
#include "guest.h"
static void handler(int number) { (void)number; }
static int64_t begin;
static void start(void) { begin = clock_ns(CLOCK_MONOTONIC); }
static const char *took(int ms)
{
    int64_t t = (clock_ns(CLOCK_MONOTONIC) - begin) / 1000;
    return t >= ms * 1000 && t < ms * 1000 + 300000 ? "right" : "wrong";
}
static struct timespec in(clockid_t clock, int ms)
{
    int64_t t = clock_ns(clock) + ms * 1000000ll;
    return (struct timespec){t / 1000000000, t % 1000000000};
}
static void alarm_in(int ms)
{
    static timer_t timer;
    static bool made;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    if (!made)
        made = true, MUST(timer_create(CLOCK_MONOTONIC, &event, &timer));
    MUST(timer_settime(timer, 0, &(struct itimerspec){{0}, {0, ms * 1000000l}}, 0));
}
int main(void)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, 0);
    struct timespec t = {0, 30000000}, left = {9, 9};
    start();
    RET(nanosleep(&t, &left));
    say("%s, remaining untouched %ld", took(30), (long)left.tv_sec);
    start();
    RET(nanosleep(&(struct timespec){0, 0}, 0));
    say("%s", took(0));
    t = (struct timespec){5, 0};
    start(), alarm_in(20);
    RET(nanosleep(&t, &left));
    say("%s, remaining 4.9 s: %d", took(20), left.tv_sec == 4 && left.tv_nsec > 600000000);
    start(), alarm_in(20);
    RET(nanosleep(&t, &t));
    say("%s %d", took(20), t.tv_sec == 4);
    start();
    t = in(CLOCK_MONOTONIC, 30);
    ERR(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, 0));
    say("%s", took(30));
    start();
    ERR(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, 0));
    say("in the past: %s", took(0));
    start();
    t = in(CLOCK_REALTIME, 30);
    ERR(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, 0));
    say("%s", took(29));
    start(), alarm_in(20);
    t = in(CLOCK_MONOTONIC, 5000), left = (struct timespec){9, 9};
    ERR(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, &left));
    say("%s, remaining untouched %ld", took(20), (long)left.tv_sec);
    start();
    ERR(clock_nanosleep(CLOCK_BOOTTIME, 0, &(struct timespec){0, 10000000}, 0));
    say("%s", took(10));
    ERR(clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){0, 1000000000}, 0));
    ERR(clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){-1, 0}, 0));
    ERR(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &(struct timespec){0, 0}, 0));
    ERR(clock_nanosleep(77, 0, &(struct timespec){0, 0}, 0));
    RET(syscall(SYS_nanosleep, 8, 0));
    RET(syscall(SYS_nanosleep, &(struct timespec){0, -1}, 0));
    RET(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, 8, 0));
    // Many short sleeps.
    start();
    for (int i = 0; i < 50; i++)
        nanosleep(&(struct timespec){0, 100000}, 0);
    say("%s", took(5));
    // Sleepers wake in the order of their times.
    return 0;
}
