// Timers with periods of 50 us: the program makes progress while they run, and no period is lost from their counts.
#include "guest.h"
#include <sys/time.h>
#include <sys/timerfd.h>
enum { PERIOD = 50000, ALONE = 50000000 };
static volatile long handled, overrun;
static timer_t timer;
static long now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000L + t.tv_nsec;
}
static volatile unsigned long done;
static void work(unsigned long amount)
{
    for (unsigned long i = 0; i < amount; i++)
        done++;
}
static unsigned long amount;
static long alone;
// As much as takes ALONE ns by itself. A machine that is busy otherwise is slower, but not so much.
static void calibrate(void)
{
    long start = now();
    for (; now() - start < ALONE; amount += 1000)
        work(1000);
    alone = now() - start;
}
static void progress(const char *what)
{
    long start = now();
    work(amount);
    say("%s: progress %d", what, now() - start < 100 * alone);
}
// A tick is at most a few ms late, so that nearly all periods are counted.
static void counted(const char *what, long count, long passed)
{
    long expected = passed / PERIOD;
    say("%s: counted %d", what, count <= expected + 1 && count * 10 >= expected * 9);
}
static void on_alarm(int n) { (void)n, handled++; }
static void on_timer(int n, siginfo_t *info, void *c) { (void)n, (void)c, handled++, overrun += info->si_overrun; }
static volatile int stop;
static void *sleeper(void *unused)
{
    (void)unused;
    while (!stop)
        nanosleep(&(struct timespec){0, PERIOD}, NULL), handled++;
    return NULL;
}
int main(void)
{
    calibrate();
    struct itimerspec spec = {{0, PERIOD}, {0, PERIOD}}, off = {0};
    int fd = timerfd_create(CLOCK_MONOTONIC, 0);
    long start = now();
    timerfd_settime(fd, 0, &spec, NULL);
    progress("timerfd");
    uint64_t ticks = 0;
    read(fd, &ticks, sizeof ticks);
    counted("timerfd", (long)ticks, now() - start);
    timerfd_settime(fd, 0, &off, NULL);

    signal(SIGALRM, on_alarm);
    struct itimerval value = {{0, PERIOD / 1000}, {0, PERIOD / 1000}}, none = {0};
    setitimer(ITIMER_REAL, &value, NULL);
    progress("setitimer");
    setitimer(ITIMER_REAL, &none, NULL);
    say("setitimer: handled %d", handled > 0);

    struct sigaction action = {.sa_sigaction = on_timer, .sa_flags = SA_SIGINFO};
    sigaction(SIGRTMIN, &action, NULL);
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
    timer_create(CLOCK_MONOTONIC, &event, &timer);
    handled = 0, start = now();
    timer_settime(timer, 0, &spec, NULL);
    progress("timer_create");
    timer_settime(timer, 0, &off, NULL);
    counted("timer_create", handled + overrun, now() - start);

    pthread_t thread;
    handled = 0;
    pthread_create(&thread, NULL, sleeper, NULL);
    progress("sleeper");
    stop = 1;
    pthread_join(thread, NULL);
    say("sleeper: woke %d", handled > 0);
    return 0;
}
