// times and getrusage of a child begin at zero; the parent's children's times grow when it has waited.
#include "process.h"
#include <sys/times.h>
static void burn(int ms)
{
    for (int64_t end = clock_ns(CLOCK_PROCESS_CPUTIME_ID) + ms * 1000000ll; clock_ns(CLOCK_PROCESS_CPUTIME_ID) < end;)
        ;
}
int main(void)
{
    struct tms t;
    struct rusage u;
    burn(60);
    gate go = new_gate();
    pid_t child = CHILD({
        YES(clock_ns(CLOCK_PROCESS_CPUTIME_ID) < 30000000);
        times(&t);
        YES(t.tms_utime + t.tms_stime < 4 && t.tms_cutime == 0);
        getrusage(RUSAGE_CHILDREN, &u);
        YES(u.ru_utime.tv_sec == 0 && u.ru_utime.tv_usec == 0);
        burn(80);
        pass(go);
    });
    await(go);
    getrusage(RUSAGE_CHILDREN, &u);
    say("before wait: %ld %ld", u.ru_utime.tv_sec, u.ru_utime.tv_usec);
    reap("child", child);
    getrusage(RUSAGE_CHILDREN, &u);
    long us = u.ru_utime.tv_usec + u.ru_stime.tv_usec;
    YES(us >= 60000 && us < 1000000);
    times(&t);
    YES(t.tms_cutime + t.tms_cstime >= 5);
    YES(u.ru_maxrss > 0);
    return 0;
}
