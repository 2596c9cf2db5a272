// Blocks of several 2 MiB: parts unmapped, protected and given back, contents right everywhere.
#include "guest.h"
#define MIB (1ul << 20)
int main(void)
{
    unsigned char *p = mmap(0, 16 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    RET(madvise(p, 16 * MIB, MADV_HUGEPAGE));
    for (size_t i = 0; i < 16 * MIB; i += PAGE)
        *(unsigned *)(p + i) = (unsigned)(i >> 12) ^ 0x5a5a;
    munmap(p + 5 * MIB + 3 * PAGE, PAGE);
    mprotect(p + 7 * MIB + 100 * PAGE, 3 * PAGE, PROT_READ);
    madvise(p + 9 * MIB, MIB, MADV_DONTNEED);
    madvise(p + 11 * MIB + 511 * PAGE, PAGE, MADV_DONTNEED);
    int wrong = 0;
    for (size_t i = 0; i < 16 * MIB; i += PAGE) {
        unsigned expect = (unsigned)(i >> 12) ^ 0x5a5a;
        if (i == 5 * MIB + 3 * PAGE)
            continue;
        if ((i >= 9 * MIB && i < 10 * MIB) || i == 11 * MIB + 511 * PAGE)
            expect = 0;
        wrong += *(unsigned *)(p + i) != expect;
    }
    say("%d wrong", wrong);
    unsigned char *q = mremap(p + 6 * MIB, 2 * MIB, 4 * MIB, MREMAP_MAYMOVE);
    say("moved %x, grown %x", *(unsigned *)(q + 4 * PAGE), *(unsigned *)(q + 3 * MIB));
    YES(*(unsigned *)(q + 4 * PAGE) == ((unsigned)((6 * MIB + 4 * PAGE) >> 12) ^ 0x5a5a));
    RET(munmap(p, 6 * MIB));
    RET(munmap(p + 8 * MIB, 8 * MIB));
    say("last %x", *(unsigned *)(q + 2 * MIB - PAGE));
    return 0;
}
