// Scheduling attributes, I/O priorities, membarrier, and memory of the own process by process_vm_readv.
#include "guest.h"
#include <sched.h>
#include <sys/resource.h>
#include <sys/uio.h>
#define BARRIER(command) syscall(SYS_membarrier, command, 0, 0)
struct attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
    uint32_t least, most;
};
int main(void)
{
    struct attributes a = {0};
    RET(syscall(SYS_sched_getattr, 0, &a, 48, 0));
    say("size %u policy %u nice %d priority %u", a.size, a.policy, a.nice, a.priority);
    RET(syscall(SYS_sched_getattr, 0, &a, 47, 0));
    RET(syscall(SYS_sched_getattr, 0, &a, 48, 1));
    RET(syscall(SYS_sched_getattr, -1, &a, 48, 0));
    RET(syscall(SYS_sched_getattr, 0x7ffffff0, &a, 48, 0));
    RET(syscall(SYS_sched_getattr, 0, 8, 48, 0));
    a = (struct attributes){.size = 48, .policy = SCHED_BATCH, .nice = 3};
    RET(syscall(SYS_sched_setattr, 0, &a, 0));
    RET(sched_getscheduler(0) == SCHED_BATCH);
    RET(getpriority(PRIO_PROCESS, 0));
    a.policy = 99;
    RET(syscall(SYS_sched_setattr, 0, &a, 0));
    a.policy = SCHED_OTHER, a.priority = 1;
    RET(syscall(SYS_sched_setattr, 0, &a, 0));
    RET(sched_setscheduler(0, SCHED_IDLE, &(struct sched_param){0}));
    RET(sched_getscheduler(0) == SCHED_IDLE);
    RET(sched_setparam(0, &(struct sched_param){1}));
    RET(sched_getparam(0, 0));
    struct timespec slice;
    RET(sched_rr_get_interval(0, &slice));
    RET(sched_rr_get_interval(-1, &slice));

    RET(syscall(SYS_ioprio_get, 1, 0) >= 0);
    RET(syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 5));
    RET(syscall(SYS_ioprio_get, 1, 0) == (2 << 13 | 5));
    RET(syscall(SYS_ioprio_set, 1, 0, 7 << 13));
    RET(syscall(SYS_ioprio_get, 9, 0));
    RET(syscall(SYS_ioprio_get, 1, 0x7ffffff0));

    YES((BARRIER(0) & 31) == 31);
    RET(BARRIER(8));
    RET(BARRIER(16));
    RET(BARRIER(8));
    RET(BARRIER(4));
    RET(BARRIER(2));
    RET(BARRIER(1 << 20));
    RET(syscall(SYS_membarrier, 0, 7, 0));

    char from[100], to[100] = {0};
    memset(from, 'a', sizeof from);
    struct iovec local[] = {{to, 10}, {to + 20, 30}}, remote[] = {{from, 25}, {from + 30, 5}};
    RET(process_vm_readv(getpid(), local, 2, remote, 2, 0));
    say("%.10s %.20s", to, to + 20);
    from[0] = 'b';
    RET(process_vm_writev(getpid(), remote, 2, local, 2, 0));
    say("%c", from[0]);
    remote[1].iov_base = (void *)8;
    RET(process_vm_readv(getpid(), local, 2, remote, 2, 0));
    remote[0].iov_base = (void *)8;
    RET(process_vm_readv(getpid(), local, 2, remote, 2, 0));
    RET(process_vm_readv(0x7ffffff0, local, 2, remote, 2, 0));
    RET(process_vm_readv(getpid(), local, 2, remote, 2, 1));
    RET(process_vm_readv(getpid(), local, 2000, remote, 2, 0));
    RET(process_vm_readv(getpid(), (void *)8, 1, remote, 2, 0));
    RET(process_vm_readv(getpid(), local, 0, remote, 0, 0));
    RET(syscall(SYS_restart_syscall));
    return 0;
}
