// Loads all vector, mask and x87 registers, does something, and stores them again.
#ifndef VECTOR_H
#define VECTOR_H
#include "guest.h"
#include <cpuid.h>

struct vectors {
    unsigned char zmm[32][64];
    uint64_t mask[8];
    unsigned char st[8][16];
    uint32_t mxcsr;
    uint16_t control, status;
    uint64_t flags;
};
_Static_assert(offsetof(struct vectors, mask) == 2048, "used by the assembler code");
_Static_assert(offsetof(struct vectors, st) == 2112, "used by the assembler code");
_Static_assert(offsetof(struct vectors, mxcsr) == 2240, "used by the assembler code");
_Static_assert(offsetof(struct vectors, flags) == 2248, "used by the assembler code");

struct action {
    long number; // system call, or -1: loop `argument[0]` times, or -2: call the function `argument[0]`
    long argument[6];
    long result;
};

// Level 0: SSE, 1: AVX, 2: AVX-512 (F and BW).
void with_vectors(const struct vectors *in, struct vectors *out, struct action *action, int level);

#define X16 "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15"
#define X32 X16 ",16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31"
__asm__(".text\n.globl with_vectors\nwith_vectors:\n"
        "push %rbx\npush %rbp\npush %r12\npush %r13\npush %r14\npush %r15\n"
        "mov %rdi,%r12\nmov %rsi,%r13\nmov %rdx,%r14\nmov %ecx,%r15d\n"
        "ldmxcsr 2240(%r12)\nfninit\nfldcw 2244(%r12)\n"
        "fldt 2224(%r12)\nfldt 2208(%r12)\nfldt 2192(%r12)\nfldt 2176(%r12)\n"
        "fldt 2160(%r12)\nfldt 2144(%r12)\nfldt 2128(%r12)\nfldt 2112(%r12)\n"
        "cmp $1,%r15d\nja 2f\nje 1f\n"
        ".irp n," X16 "\nmovups \\n*64(%r12),%xmm\\n\n.endr\njmp 3f\n"
        "1:.irp n," X16 "\nvmovups \\n*64(%r12),%ymm\\n\n.endr\njmp 3f\n"
        "2:.irp n," X32 "\nvmovups \\n*64(%r12),%zmm\\n\n.endr\n"
        ".irp n,0,1,2,3,4,5,6,7\nkmovq 2048+\\n*8(%r12),%k\\n\n.endr\n"
        "3:mov (%r14),%rax\nmov 8(%r14),%rdi\nmov 16(%r14),%rsi\nmov 24(%r14),%rdx\n"
        "mov 32(%r14),%r10\nmov 40(%r14),%r8\nmov 48(%r14),%r9\n"
        "pushq 2248(%r12)\npopf\n"
        "jrcxz 4f\n4:" // no effect on the flags
        "movabs $-1,%rbx\n"
        "lea 1(%rax),%rbp\n"
        "xchg %rbp,%rcx\njrcxz 5f\nxchg %rbp,%rcx\n"
        "lea 2(%rax),%rbp\nxchg %rbp,%rcx\njrcxz 6f\nxchg %rbp,%rcx\n"
        "syscall\njmp 7f\n"
        "5:xchg %rbp,%rcx\nmov %rdi,%rcx\n55:lea -1(%rcx),%rcx\njrcxz 7f\njmp 55b\n"
        "6:xchg %rbp,%rcx\nmov %rsp,%rbp\nand $-16,%rsp\ncall *%rdi\nmov %rbp,%rsp\n"
        "7:mov %rax,56(%r14)\npushf\npopq 2248(%r13)\ncld\n"
        "cmp $1,%r15d\nja 2f\nje 1f\n"
        ".irp n," X16 "\nmovups %xmm\\n,\\n*64(%r13)\n.endr\njmp 3f\n"
        "1:.irp n," X16 "\nvmovups %ymm\\n,\\n*64(%r13)\n.endr\nvzeroupper\njmp 3f\n"
        "2:.irp n," X32 "\nvmovups %zmm\\n,\\n*64(%r13)\n.endr\n"
        ".irp n,0,1,2,3,4,5,6,7\nkmovq %k\\n,2048+\\n*8(%r13)\n.endr\nvzeroupper\n"
        "3:stmxcsr 2240(%r13)\nfnstcw 2244(%r13)\nfnstsw 2246(%r13)\n"
        "fstpt 2112(%r13)\nfstpt 2128(%r13)\nfstpt 2144(%r13)\nfstpt 2160(%r13)\n"
        "fstpt 2176(%r13)\nfstpt 2192(%r13)\nfstpt 2208(%r13)\nfstpt 2224(%r13)\n"
        "fninit\npushq $0x1f80\nldmxcsr (%rsp)\nadd $8,%rsp\n"
        "pop %r15\npop %r14\npop %r13\npop %r12\npop %rbp\npop %rbx\nret\n");

UNUSED static int vector_level(void)
{
    unsigned a, b, c, d, low, high;
    __cpuid(1, a, b, c, d);
    if (!(c & 1u << 27) || !(c & 1u << 28))
        return 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    if ((low & 6) != 6)
        return 0;
    __cpuid_count(7, 0, a, b, c, d);
    return (low & 0xe6) == 0xe6 && (b & 1u << 16) && (b & 1u << 30) ? 2 : 1;
}

// Values that depend on the seed; the x87 ones are normal numbers.
UNUSED static void fill_vectors(struct vectors *v, uint64_t seed)
{
    uint64_t x = seed * 0x9e3779b97f4a7c15ull + 12345;
    unsigned char *p = (unsigned char *)v;
    for (size_t i = 0; i < sizeof *v; i++) {
        x = x * 6364136223846793005ull + 1442695040888963407ull;
        p[i] = (unsigned char)(x >> 56);
    }
    for (int i = 0; i < 8; i++) {
        long double n = (long double)(x >> (i + 20)) / (i + 3);
        memcpy(v->st[i], &n, 10);
        memset(v->st[i] + 10, 0, 6);
    }
    v->mxcsr = 0x1f80 | (seed & 3) << 13 | (seed & 4 ? 0x8000 : 0) | (seed & 0x3f);
    v->control = 0x37f | (seed & 3) << 10;
    // Carry, parity, adjust, zero, sign, overflow, direction.
    v->flags = 0x202 | (seed * 0x9e3779b9 >> 3 & 0xcd5);
}

// Number of registers that differ.
UNUSED static int compare_vectors(const struct vectors *a, const struct vectors *b, int level, bool flags)
{
    int wrong = 0;
    for (int i = 0; i < (level == 2 ? 32 : 16); i++)
        wrong += memcmp(a->zmm[i], b->zmm[i], 16 << level) != 0;
    if (level == 2)
        wrong += memcmp(a->mask, b->mask, sizeof a->mask) != 0;
    for (int i = 0; i < 8; i++)
        wrong += memcmp(a->st[i], b->st[i], 10) != 0;
    wrong += a->mxcsr != b->mxcsr;
    wrong += a->control != b->control;
    wrong += (b->status & 0x3800) != 0; // top of stack: all eight are still there
    if (flags)
        wrong += (a->flags & 0xcd5) != (b->flags & 0xcd5);
    return wrong;
}

// Overwrites everything.
UNUSED static void scramble_vectors(int level)
{
    struct vectors in, out;
    struct action nothing = {-1, {1}, 0};
    fill_vectors(&in, 0xdead);
    with_vectors(&in, &out, &nothing, level);
}
#endif
