// Clocks of processor time by their numbers: whose they are, waiting for them, what is refused.
#include "guest.h"
#define CLOCK(id, bits) ((int)(~(unsigned)(id) << 3 | (bits)))
static volatile bool stop;
static void *spin(void *unused)
{
    while (!stop)
        ;
    return unused;
}
static void one(const char *whose, int clock)
{
    struct timespec now = {0, 0}, bad = {-1, 0}, past = {0, 0};
    say("%s, %d", whose, (unsigned)clock & 7);
    RET(clock_gettime(clock, &now));
    RET(syscall(SYS_clock_getres, clock, NULL));
    RET(syscall(SYS_clock_nanosleep, clock, TIMER_ABSTIME, &past, NULL));
    RET(syscall(SYS_clock_nanosleep, clock, 0, &bad, NULL));
    RET(syscall(SYS_clock_settime, clock, &now));
    RET(syscall(SYS_clock_settime, clock, (void *)8));
}
static void sleep_on(const char *what, int clock)
{
    struct timespec span = {0, 20000000}, before, after;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    long result = syscall(SYS_clock_nanosleep, clock, 0, &span, NULL);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    long used = (after.tv_sec - before.tv_sec) * 1000000000l + after.tv_nsec - before.tv_nsec;
    say("%s: %ld, processor used meanwhile: %s", what, result, used >= 19000000 ? "enough" : "too little");
}
int main(void)
{
    for (int bits = 0; bits < 8; bits++)
        one("my own", CLOCK(0, bits));
    for (int bits = 0; bits < 3; bits++)
        one("by my id", CLOCK(getpid(), bits));
    for (int bits = 0; bits < 8; bits++)
        one("nobody's", CLOCK(99999999, bits));
    one("CLOCK_PROCESS_CPUTIME_ID", CLOCK_PROCESS_CPUTIME_ID);
    one("CLOCK_THREAD_CPUTIME_ID", CLOCK_THREAD_CPUTIME_ID);
    one("CLOCK_MONOTONIC_COARSE", CLOCK_MONOTONIC_COARSE);
    one("no clock", 12);
    pthread_t thread;
    clockid_t clock;
    ERR(pthread_create(&thread, NULL, spin, NULL));
    ERR(pthread_getcpuclockid(thread, &clock));
    sleep_on("the process's time", CLOCK_PROCESS_CPUTIME_ID);
    sleep_on("the other thread's", clock);
    stop = true;
    ERR(pthread_join(thread, NULL));
    struct timespec now;
    RET(clock_gettime(clock, &now));
    return 0;
}
