// Clocks: never backwards, in one thread and across threads; resolutions; errors; they agree with each other.
// variants: static musl
#include "guest.h"
#include <sys/time.h>
#include <sys/times.h>
static volatile int64_t latest;
static volatile int backwards;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void *watch(void *unused)
{
    (void)unused;
    for (int i = 0; i < 20000; i++) {
        pthread_mutex_lock(&lock);
        int64_t now = clock_ns(CLOCK_MONOTONIC);
        if (now < latest)
            backwards++;
        latest = now;
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}
int main(void)
{
    struct timespec t, r;
    clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW,
                          CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME, CLOCK_TAI};
    for (size_t i = 0; i < COUNT(clocks); i++) {
        int64_t last = 0;
        int back = 0;
        int g = clock_gettime(clocks[i], &t), s = clock_getres(clocks[i], &r);
        bool coarse = clocks[i] == CLOCK_REALTIME_COARSE || clocks[i] == CLOCK_MONOTONIC_COARSE;
        for (int n = 0; n < 10000; n++) {
            int64_t now = clock_ns(clocks[i]);
            back += now < last;
            last = now;
        }
        say("clock %d: %d %d, backwards %d, resolution %s", clocks[i], g, s, back,
            r.tv_sec ? "odd" : coarse ? (r.tv_nsec >= 1000000 ? "coarse" : "odd") : r.tv_nsec == 1 ? "1 ns" : "odd");
    }
    pthread_t p[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&p[i], 0, watch, 0);
    for (int i = 0; i < 4; i++)
        pthread_join(p[i], 0);
    say("across threads: backwards %d", backwards);
    RET(syscall(SYS_clock_gettime, 77, &t));
    RET(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, 8));
    RET(clock_getres(77, &t));
    RET(syscall(SYS_clock_getres, CLOCK_MONOTONIC, 0));
    RET(syscall(SYS_gettimeofday, 8, 0));
    RET(syscall(SYS_time, 8));
    struct timeval tv;
    struct timezone tz = {1, 1};
    RET(syscall(SYS_gettimeofday, &tv, &tz));
    say("zone %d %d", tz.tz_minuteswest, tz.tz_dsttime);
    YES(labs(tv.tv_sec - time(0)) <= 1);
    // The date is plausible, boot time is not before monotonic.
    YES(time(0) > 1600000000);
    YES(clock_ns(CLOCK_BOOTTIME) + 1000000 >= clock_ns(CLOCK_MONOTONIC));
    // Elapsed time is the same on each clock.
    int64_t a = clock_ns(CLOCK_REALTIME), b = clock_ns(CLOCK_MONOTONIC), c = clock_ns(CLOCK_MONOTONIC_RAW);
    sleep_ms(50);
    a = clock_ns(CLOCK_REALTIME) - a, b = clock_ns(CLOCK_MONOTONIC) - b, c = clock_ns(CLOCK_MONOTONIC_RAW) - c;
    YES(a >= 49000000 && llabs(a - b) < 5000000 && llabs(b - c) < 5000000);
    // CPU time: computing counts, sleeping does not.
    int64_t cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    sleep_ms(100);
    int64_t slept = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    b = clock_ns(CLOCK_MONOTONIC);
    for (volatile int i = 0; i < 20000000; i++)
        ;
    cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu - slept;
    b = clock_ns(CLOCK_MONOTONIC) - b;
    YES(slept < 50000000);
    YES(cpu > 5000000 && cpu <= b + 20000000);
    struct tms tms;
    YES(times(&tms) != -1 && tms.tms_utime >= 0 && tms.tms_cutime == 0);
    RET(syscall(SYS_times, 8));
    clockid_t other;
    ERR(pthread_getcpuclockid(pthread_self(), &other));
    YES(clock_gettime(other, &t) == 0);
    return 0;
}
