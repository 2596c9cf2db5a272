// The frame of a handler: registers in the ucontext, changes to them take effect, red zone untouched, alignment.
// variants: static musl
#include "guest.h"
#include <ucontext.h>
static long out[6], red;
static int pid;
static volatile int aligned, direction, fine;
static void handler(int number, siginfo_t *info, void *context)
{
    ucontext_t *u = context;
    greg_t *g = u->uc_mcontext.gregs;
    unsigned long flags;
    __asm__ volatile("pushf\n pop %0" : "=r"(flags));
    direction = flags >> 10 & 1;
    aligned = (uintptr_t)__builtin_frame_address(0) % 16 == 0;
    fine = number == SIGUSR1 && info->si_signo == SIGUSR1;
    say("r8-r15 but r11 %llx %llx %llx %llx %llx %llx %llx", g[REG_R8], g[REG_R9], g[REG_R10], g[REG_R12],
        g[REG_R13], g[REG_R14], g[REG_R15]);
    say("rbx %llx rbp %llx rsi %llx rdx %llx cs %llx, IF and reserved flags %llx", g[REG_RBX], g[REG_RBP], g[REG_RSI],
        g[REG_RDX], g[REG_CSGSFS] & 0xffff, g[REG_EFL] & 0x202);
    say("result register during kill %lld", g[REG_RAX]);
    g[REG_RBX] = 0x1111, g[REG_R12] = 0x2222, g[REG_RAX] = 0x3333, g[REG_RSI] = 0x4444;
    g[REG_EFL] |= 1; // carry
}
int main(void)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &action, 0);
    pid = getpid();
    __asm__ volatile("push %%rbp\n push %%rbx\n"
                     "movq $0x77, -16(%%rsp)\n movq $0x78, -128(%%rsp)\n" // the red zone
                     "mov %[pid], %%edi\n mov $10, %%esi\n mov $0x88, %%edx\n mov $0x99, %%ebx\n mov $0xaa, %%ebp\n"
                     "mov $8, %%r8d\n mov $9, %%r9d\n mov $10, %%r10d\n mov $12, %%r12d\n mov $13, %%r13d\n"
                     "mov $14, %%r14d\n mov $15, %%r15d\n mov $62, %%eax\n clc\n"
                     "syscall\n"
                     "setc %%dl\n movzx %%dl, %%edx\n"
                     "mov %%rbx, %%r8\n mov -16(%%rsp), %%r13\n xor -128(%%rsp), %%r13\n pop %%rbx\n pop %%rbp\n"
                     "lea %c[out](%%rip), %%rdi\n"
                     "mov %%rax, (%%rdi)\n mov %%r8, 8(%%rdi)\n mov %%r12, 16(%%rdi)\n mov %%rsi, 24(%%rdi)\n"
                     "mov %%rdx, 32(%%rdi)\n mov %%r13, %[red]\n"
                     : [red] "=m"(red)
                     : [pid] "m"(pid), [out] "i"(out)
                     : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory",
                       "cc");
    say("aligned %d, direction %d, %d", aligned, direction, fine);
    say("changed: rax %lx rbx %lx r12 %lx rsi %lx carry %lx, red zone %lx", out[0], out[1], out[2], out[3], out[4], red);
    return 0;
}
