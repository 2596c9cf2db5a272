// Anonymous mappings: zero pages, lengths rounded up, errors for bad arguments, hints.
// variants: static musl
#include "guest.h"
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define TRY(...) ({ void *p_ = mmap(__VA_ARGS__); say("mmap(" #__VA_ARGS__ "): %s", p_ == MAP_FAILED ? error_name(errno) : "ok"); p_; })
int main(void)
{
    unsigned char *p = TRY(0, 10000, PROT_READ | PROT_WRITE, ANON, -1, 0);
    int dirty = 0;
    for (int i = 0; i < 12288; i++)
        dirty |= p[i];
    say("zero to the end of its last page: %s", dirty ? "no" : "yes");
    memset(p, 0xaa, 12288);
    RET(munmap(p, 10000));
    YES((uintptr_t)p % PAGE == 0);
    TRY(0, 0, PROT_READ, ANON, -1, 0);
    TRY(0, PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0);
    TRY(0, PAGE, PROT_READ, MAP_PRIVATE, -1, 0);
    TRY(0, PAGE, PROT_READ, MAP_PRIVATE, 77, 0);
    TRY(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_SHARED_VALIDATE | MAP_ANONYMOUS, -1, 0);
    TRY((void *)1, PAGE, PROT_READ, ANON | MAP_FIXED, -1, 0);
    TRY((void *)0x800000000000, PAGE, PROT_READ, ANON | MAP_FIXED, -1, 0);
    TRY((void *)0x7ffffffff000, PAGE, PROT_READ, ANON | MAP_FIXED, -1, 0);
    TRY((void *)-4096, PAGE, PROT_READ, ANON | MAP_FIXED, -1, 0);
    TRY(0, 1ul << 47, PROT_NONE, ANON, -1, 0);
    TRY(0, -1ul, PROT_NONE, ANON, -1, 0);
    TRY(0, -4096ul, PROT_NONE, ANON, -1, 0);
    TRY((void *)0x7ffffffff000, PAGE, PROT_READ, ANON, -1, 0);
    TRY(0, PAGE, PROT_READ, ANON, -1, 1 << 12);
    TRY(0, PAGE, PROT_READ, ANON, 77, 0);
    YES((long)syscall(SYS_mmap, 0, PAGE, PROT_READ, ANON, -1, 1) == -1 && errno == EINVAL);
    // A hint that is free is taken, rounded down; one in use is not.
    char *q = mmap(0, 16 * PAGE, PROT_READ, ANON, -1, 0);
    munmap(q + 4 * PAGE, 4 * PAGE);
    YES(mmap(q + 4 * PAGE, PAGE, PROT_READ, ANON, -1, 0) == q + 4 * PAGE);
    YES(mmap(q + 5 * PAGE + 123, PAGE, PROT_READ, ANON, -1, 0) == q + 5 * PAGE);
    YES(mmap(q + 4 * PAGE, PAGE, PROT_READ, ANON, -1, 0) != q + 4 * PAGE);
    // MAP_FIXED replaces, MAP_FIXED_NOREPLACE does not.
    p = mmap(0, 4 * PAGE, PROT_READ | PROT_WRITE, ANON, -1, 0);
    memset(p, 1, 4 * PAGE);
    YES(mmap(p + PAGE, PAGE, PROT_READ | PROT_WRITE, ANON | MAP_FIXED, -1, 0) == p + PAGE);
    say("after MAP_FIXED: %d %d %d", p[0], p[PAGE], p[2 * PAGE]);
    TRY(p, PAGE, PROT_READ, ANON | MAP_FIXED_NOREPLACE, -1, 0);
    TRY(p + 3 * PAGE, 4 * PAGE, PROT_READ, ANON | MAP_FIXED_NOREPLACE, -1, 0);
    munmap(p + 2 * PAGE, PAGE);
    YES(mmap(p + 2 * PAGE, PAGE, PROT_READ, ANON | MAP_FIXED_NOREPLACE, -1, 0) == p + 2 * PAGE);
    // Flags without effect here.
    TRY(0, PAGE, PROT_READ | PROT_WRITE, ANON | MAP_STACK | MAP_NORESERVE, -1, 0);
    char *r = TRY(0, 64 * PAGE, PROT_READ | PROT_WRITE, ANON | MAP_POPULATE, -1, 0);
    say("populated %d", r[63 * PAGE]);
    char *low = TRY(0, PAGE, PROT_READ | PROT_WRITE, ANON | MAP_32BIT, -1, 0);
    YES((uintptr_t)low < 1ul << 31);
    return 0;
}
