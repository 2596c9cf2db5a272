// The processor-time clock of another process: a child's, a parent's, nobody's.
#include "process.h"
#define CLOCK(id, bits) ((int)(~(unsigned)(id) << 3 | (bits)))
int main(void)
{
    int up[2];
    struct timespec time = {0, 0};
    pipe(up);
    pid_t child = fork();
    if (child == 0) {
        struct timespec used = {0, 0};
        while (used.tv_nsec < 30000000)
            clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
        clockid_t clock;
        ERR(clock_getcpuclockid(getppid(), &clock));
        RET(clock_gettime(clock, &used));
        write(up[1], "", 1);
        pause();
    }
    char byte;
    read(up[0], &byte, 1);
    clockid_t clock;
    ERR(clock_getcpuclockid(child, &clock));
    RET(clock_gettime(clock, &time));
    say("its time, not mine: %s", time.tv_sec || time.tv_nsec >= 30000000 ? "yes" : "no");
    RET(clock_gettime(CLOCK(child, 0), &time));
    RET(clock_gettime(CLOCK(child, 6), &time));
    RET(syscall(SYS_clock_getres, clock, NULL));
    RET(clock_settime(clock, &time));
    kill(child, SIGKILL);
    reap("child", child);
    RET(clock_gettime(clock, &time));
    ERR(clock_getcpuclockid(child, &clock));
    return 0;
}
