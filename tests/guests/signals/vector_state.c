// Handlers may use all vector and x87 registers; the interrupted code's come back, and are in the frame.
// variants: static musl
#include "vector.h"
#include <ucontext.h>
// The legacy area of XSAVE (SDM vol. 1, 13.4.1): the C libraries name it differently.
struct frame {
    uint16_t control, status, tag, opcode;
    uint64_t instruction, data;
    uint32_t mxcsr, mxcsr_mask;
    unsigned char st[8][16], xmm[16][16], rest[96];
};
static int level;
static volatile int runs, frame_wrong, fresh_wrong;
static struct vectors in, out;
static void handler(int number, siginfo_t *info, void *context)
{
    (void)number, (void)info;
    ucontext_t *u = context;
    uint32_t mxcsr;
    uint16_t control, status;
    __asm__ volatile("stmxcsr %0\n fnstcw %1\n fnstsw %2" : "=m"(mxcsr), "=m"(control), "=m"(status));
    // Linux gives handlers the interrupted code's registers as they are, mxcsr and control word too... what it
    // gives is printed once.
    if (runs == 0)
        say("in the handler: mxcsr %s, control word %s", mxcsr == 0x1f80 ? "fresh" : mxcsr == in.mxcsr ? "kept" : "else",
            control == 0x37f ? "fresh" : control == in.control ? "kept" : "else");
    struct frame *f = (void *)u->uc_mcontext.fpregs;
    for (int i = 0; i < 16; i++)
        frame_wrong += memcmp(f->xmm[i], in.zmm[i], 16) != 0;
    for (int i = 0; i < 8; i++)
        frame_wrong += memcmp(f->st[i], in.st[i], 10) != 0;
    frame_wrong += f->mxcsr != in.mxcsr || f->control != in.control;
    frame_wrong += (uintptr_t)f % 64 != 0;
    // The software-reserved bytes: magic numbers and sizes of the extended state.
    uint32_t *reserved = (uint32_t *)((char *)f + 464);
    if (reserved[0] == 0x46505853)
        frame_wrong += *(uint32_t *)((char *)f + reserved[1] - 4) != 0x46505845 || reserved[4] > reserved[1];
    else
        frame_wrong += 100;
    runs++;
    scramble_vectors(level);
}
static void changer(int number, siginfo_t *info, void *context)
{
    (void)number, (void)info;
    ucontext_t *u = context;
    struct frame *f = (void *)u->uc_mcontext.fpregs;
    memset(f->xmm[5], 0x55, 16);
    f->mxcsr = 0x3f80;
}
int main(void)
{
    level = vector_level();
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &action, 0);
    int wrong = 0;
    for (int i = 0; i < 200; i++) {
        struct action self = {SYS_kill, {getpid(), SIGUSR1}, -1};
        fill_vectors(&in, i);
        with_vectors(&in, &out, &self, level);
        wrong += compare_vectors(&in, &out, level, true) + (self.result != 0);
    }
    say("%d handlers, %d registers wrong after, %d wrong in the frame", runs, wrong, frame_wrong);
    // Direction flag and others are clean inside, whatever they were outside.
    action.sa_sigaction = changer;
    sigaction(SIGUSR1, &action, 0);
    fill_vectors(&in, 7);
    struct action self = {SYS_kill, {getpid(), SIGUSR1}, -1};
    with_vectors(&in, &out, &self, level);
    say("changed in the frame: xmm5 %x, mxcsr %x, xmm4 kept %d", out.zmm[5][3], out.mxcsr,
        !memcmp(in.zmm[4], out.zmm[4], 16));
    return 0;
}
