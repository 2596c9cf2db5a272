// Registers, vector registers, x87 and SSE modes, and the segment base are as they were, in both.
#include "process.h"
int main(void)
{
    int mode = 0x7f80, seen = 0, fcw = 0x0c7f, fcw_seen = 0;
    __asm__ volatile("ldmxcsr %0; fldcw %1" : : "m"(mode), "m"(fcw));
    double x[8], y[8];
    for (int i = 0; i < 8; i++)
        x[i] = i * 1.5 + 1;
    uint64_t r[4];
    long pid;
    __asm__ volatile(
        "movupd 0(%[x]), %%xmm6; movupd 16(%[x]), %%xmm7; movupd 32(%[x]), %%xmm14; movupd 48(%[x]), %%xmm15\n"
        "mov $0x1111, %%rbx; mov $0x2222, %%r12; mov $0x3333, %%r14; mov $0x4444, %%r15\n"
        "mov $57, %%eax; syscall\n"
        "movupd %%xmm6, 0(%[y]); movupd %%xmm7, 16(%[y]); movupd %%xmm14, 32(%[y]); movupd %%xmm15, 48(%[y])\n"
        "mov %%rbx, 0(%[r]); mov %%r12, 8(%[r]); mov %%r14, 16(%[r]); mov %%r15, 24(%[r])\n"
        : "=&a"(pid)
        : [x] "D"(x), [y] "S"(y), [r] "d"(r)
        : "rbx", "rcx", "r11", "r12", "r14", "r15", "xmm6", "xmm7", "xmm14", "xmm15", "memory");
    if (pid)
        reap("child", pid);
    __asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(seen), "=m"(fcw_seen));
    say("%s: vectors %d, registers %lx %lx %lx %lx, modes %x %x", pid ? "parent" : "child", memcmp(x, y, sizeof x) == 0, r[0], r[1], r[2], r[3],
        seen, fcw_seen);
    return 0;
}
