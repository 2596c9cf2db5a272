// Large reservations cost nothing: 64 GiB reserved, 10 MiB touched, in scattered places.
// variants: static musl
#include "guest.h"
#define GIB (1ul << 30)
int main(void)
{
    unsigned char *p = mmap(0, 64 * GIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    YES(p != MAP_FAILED);
    RET(mprotect(p + 10 * GIB, 10 << 20, PROT_READ | PROT_WRITE));
    memset(p + 10 * GIB, 7, 10 << 20);
    say("touched %d %d", p[10 * GIB], p[10 * GIB + (10 << 20) - 1]);
    unsigned char *q = mmap(0, 64 * GIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    YES(q != MAP_FAILED);
    for (size_t i = 0; i < 64; i++)
        q[i * GIB + i * PAGE] = (unsigned char)i;
    int good = 1;
    for (size_t i = 0; i < 64; i++)
        good &= q[i * GIB + i * PAGE] == i && (i == 0 || q[i * GIB] == 0);
    say("scattered %s", good ? "right" : "wrong");
    RET(madvise(q, 64 * GIB, MADV_DONTNEED));
    say("given back %d", q[63 * GIB + 63 * PAGE]);
    RET(munmap(p, 64 * GIB));
    RET(munmap(q + GIB, 62 * GIB));
    say("edges %d %d", q[0], q[63 * GIB]);
    // Many small reservations.
    int n = 0;
    while (n < 1000 && mmap(0, 256 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) != MAP_FAILED)
        n++;
    say("%d more of 256 MiB", n);
    return 0;
}
