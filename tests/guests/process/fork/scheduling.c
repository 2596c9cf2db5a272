// Scheduling policy, reset-on-fork and affinity over fork.
#include "process.h"
#include <sched.h>
#ifndef SCHED_RESET_ON_FORK
#define SCHED_RESET_ON_FORK 0x40000000
#endif
int main(void)
{
    struct sched_param p = {0};
    cpu_set_t set, other;
    RET(sched_setscheduler(0, SCHED_BATCH, &p));
    reap("child", CHILD(say("batch %d", sched_getscheduler(0) == SCHED_BATCH)));
    RET(sched_setscheduler(0, SCHED_BATCH | SCHED_RESET_ON_FORK, &p));
    setpriority(PRIO_PROCESS, 0, -5);
    reap("child", CHILD(say("policy %d, nice %d", sched_getscheduler(0), getpriority(PRIO_PROCESS, 0))));
    sched_getaffinity(0, sizeof set, &set);
    reap("child", CHILD(sched_getaffinity(0, sizeof other, &other); YES(CPU_EQUAL(&set, &other))));
    return 0;
}
