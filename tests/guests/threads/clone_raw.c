// clone itself: the parent's and child's thread ids, cleared with a wake-up, TLS, errors.
#include "guest.h"
#include <asm/prctl.h>
#include <linux/futex.h>
#include <sched.h>
static int parent_tid, child_tid = -1, child_set, in_child, same_pid;
static pid_t process;
static long tls[64];
static int run(void *argument)
{
    (void)argument;
    in_child = (int)syscall(SYS_gettid);
    same_pid = (int)syscall(SYS_getpid) == process;
    child_set = child_tid;
    syscall(SYS_exit, 0);
    return 0;
}
#define THREAD (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM)
static void await_clear(void)
{
    int seen;
    while ((seen = __atomic_load_n(&child_tid, __ATOMIC_SEQ_CST)))
        syscall(SYS_futex, &child_tid, FUTEX_WAIT, seen, &(struct timespec){1, 0});
}
int main(void)
{
    process = getpid();
    char *stack = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    tls[0] = (long)tls;
    int r = clone(run, stack + 65536, THREAD | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID,
                  0, &parent_tid, tls, &child_tid);
    YES(r > 0 && parent_tid == r);
    await_clear();
    YES(in_child == r && same_pid && child_set == r);
    YES(syscall(SYS_tgkill, process, r, 0) == -1 || syscall(SYS_tgkill, process, r, 0) == -1 || (sleep_ms(20), syscall(SYS_tgkill, process, r, 0) == -1));
    // set_tid_address gives the caller's id.
    YES(syscall(SYS_set_tid_address, &child_tid) == syscall(SYS_gettid));
    // Flags that do not go together.
    RET(syscall(SYS_clone, CLONE_THREAD | CLONE_VM, stack + 65536, 0, 0, 0));
    RET(syscall(SYS_clone, CLONE_SIGHAND, stack + 65536, 0, 0, 0));
    RET(syscall(SYS_clone, CLONE_THREAD | CLONE_SIGHAND, stack + 65536, 0, 0, 0));
    RET(syscall(SYS_clone3, 0, 0));
    RET(syscall(SYS_clone3, 8, 88));
    // arch_prctl.
    unsigned long fs = 0, gs = 1;
    RET(syscall(SYS_arch_prctl, ARCH_GET_FS, &fs));
    RET(syscall(SYS_arch_prctl, ARCH_GET_GS, &gs));
    unsigned long first;
    __asm__("mov %%fs:0, %0" : "=r"(first));
    YES(fs == first && gs == 0);
    static unsigned long there = 0x1234;
    RET(syscall(SYS_arch_prctl, ARCH_SET_GS, &there));
    __asm__("mov %%gs:0, %0" : "=r"(first));
    say("gs:0 %lx", first);
    sched_yield(), sleep_ms(1);
    __asm__("mov %%gs:0, %0" : "=r"(first));
    say("gs:0 %lx", first);
    RET(syscall(SYS_arch_prctl, ARCH_SET_GS, 0x800000000000));
    RET(syscall(SYS_arch_prctl, ARCH_SET_FS, 0xffff800000000000));
    RET(syscall(SYS_arch_prctl, ARCH_GET_FS, 8));
    RET(syscall(SYS_arch_prctl, 0x9999, 8));
    return 0;
}
