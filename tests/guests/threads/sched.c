// Scheduling calls: affinity, policy, priorities, yield, getcpu, membarrier, rseq or its honest absence.
#include "guest.h"
#include <sched.h>
#include <sys/resource.h>
int main(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    RET(sched_getaffinity(0, sizeof set, &set));
    YES(CPU_COUNT(&set) >= 1);
    YES(syscall(SYS_sched_getaffinity, 0, sizeof set, &set) > 0);
    RET(syscall(SYS_sched_getaffinity, 0, 7, &set));
    RET(syscall(SYS_sched_getaffinity, 0, 128, 8));
    RET(syscall(SYS_sched_getaffinity, 0x7ffffff0, 128, &set));
    RET(sched_setaffinity(0, sizeof set, &set));
    cpu_set_t none;
    CPU_ZERO(&none);
    RET(sched_setaffinity(0, sizeof none, &none));
    YES(CPU_COUNT(&set) == sysconf(_SC_NPROCESSORS_ONLN));
    RET(sched_yield());
    RET(sched_getscheduler(0));
    struct sched_param p = {99};
    RET(sched_getparam(0, &p));
    say("priority %d", p.sched_priority);
    RET(sched_setscheduler(0, SCHED_OTHER, &p));
    RET(sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){1}));
    RET(sched_setscheduler(0, 77, &p));
    RET(sched_getscheduler(0x7ffffff0));
    RET(sched_get_priority_min(SCHED_OTHER));
    RET(sched_get_priority_max(SCHED_OTHER));
    RET(sched_get_priority_min(SCHED_FIFO));
    RET(sched_get_priority_max(SCHED_RR));
    RET(sched_get_priority_max(77));
    unsigned cpu = 99, node = 99;
    RET(syscall(SYS_getcpu, &cpu, &node, 0));
    YES(CPU_ISSET(cpu, &set));
    RET(syscall(SYS_getcpu, 8, 0, 0));
    RET(getpriority(PRIO_PROCESS, 0));
    RET(setpriority(PRIO_PROCESS, 0, 5));
    RET(getpriority(PRIO_PROCESS, 0));
    RET(setpriority(PRIO_PROCESS, 0, 100));
    RET(getpriority(PRIO_PROCESS, 0));
    RET(getpriority(77, 0));
    RET(getpriority(PRIO_PROCESS, 0x7ffffff0));
    return 0;
}
