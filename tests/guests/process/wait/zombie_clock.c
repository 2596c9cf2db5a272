// The processor-time clock of a child that has ended and has not been waited for, and its times in /proc.
#include "process.h"
#include <time.h>
static void burn(long long ns)
{
    while (clock_ns(CLOCK_PROCESS_CPUTIME_ID) < ns)
        ;
}
int main(void)
{
    pid_t child = CHILD(burn(60000000));
    siginfo_t info;
    MUST(waitid(P_PID, child, &info, WEXITED | WNOWAIT));
    clockid_t clock = 0;
    RET(clock_getcpuclockid(child, &clock));
    struct timespec used = {0, 0};
    RET(clock_gettime(clock, &used));
    long long ns = used.tv_sec * 1000000000LL + used.tv_nsec;
    YES(ns >= 60000000 && ns < 5000000000LL);
    char path[40], text[400] = {0};
    snprintf(path, sizeof path, "/proc/%d/stat", child);
    int fd = MUST(open(path, O_RDONLY));
    MUST(read(fd, text, sizeof text - 1));
    char state;
    unsigned long user, system;
    sscanf(strrchr(text, ')') + 2, "%c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &state, &user, &system);
    say("%c", state);
    YES(user + system >= 5 && user + system < 500);
    reap("child", child);
    RET(clock_gettime(clock, &used) < 0 ? errno == EINVAL : 0);
    return 0;
}
