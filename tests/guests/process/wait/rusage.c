// wait4's rusage is the child's with its own children's; RUSAGE_CHILDREN adds up what was waited for only.
#include "process.h"
static void burn(int ms)
{
    for (int64_t end = clock_ns(CLOCK_PROCESS_CPUTIME_ID) + ms * 1000000ll; clock_ns(CLOCK_PROCESS_CPUTIME_ID) < end;)
        ;
}
static long used(struct rusage *u) { return (u->ru_utime.tv_sec + u->ru_stime.tv_sec) * 1000 + (u->ru_utime.tv_usec + u->ru_stime.tv_usec) / 1000; }
int main(void)
{
    struct rusage u, children;
    pid_t child = CHILD({
        burn(50);
        status_of(CHILD(burn(60)));
        CHILD(sleep_ms(1)); // never waited for
    });
    YES(wait4(child, NULL, 0, &u) == child);
    YES(used(&u) >= 95 && used(&u) < 600);
    getrusage(RUSAGE_CHILDREN, &children);
    YES(used(&children) == used(&u));
    child = CHILD(burn(40));
    YES(syscall(SYS_waitid, P_PID, child, NULL, WEXITED, &u) == 0);
    YES(used(&u) >= 30 && used(&u) < 300);
    getrusage(RUSAGE_CHILDREN, &children);
    YES(used(&children) >= 125);
    child = CHILD({
        volatile char *p = malloc(20 << 20);
        for (int i = 0; i < 20 << 20; i += PAGE)
            p[i] = 1;
    });
    wait4(child, NULL, 0, &u);
    YES(u.ru_maxrss >= 20 << 10 && u.ru_maxrss < 200 << 10);
    YES(u.ru_minflt > 0);
    handle(SIGCHLD, SIG_IGN, 0);
    getrusage(RUSAGE_CHILDREN, &children);
    long before = used(&children);
    child = CHILD(burn(50));
    RET(wait(NULL));
    getrusage(RUSAGE_CHILDREN, &children);
    say("ignored children do not count: %d", used(&children) == before);
    return 0;
}
