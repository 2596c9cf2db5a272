// Growing, shrinking, moving; contents follow; flags and errors.
// variants: static musl
#include "guest.h"
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW (PROT_READ | PROT_WRITE)
static bool filled(unsigned char *p, int first, int pages)
{
    for (int i = 0; i < pages; i++)
        if (p[i * PAGE] != first + i || p[i * PAGE + 4095] != first + i)
            return false;
    return true;
}
static void fill(unsigned char *p, int first, int pages)
{
    for (int i = 0; i < pages; i++)
        memset(p + i * PAGE, first + i, PAGE);
}
#define TRY(...) ({ void *p_ = mremap(__VA_ARGS__); say("mremap(" #__VA_ARGS__ "): %s", p_ == MAP_FAILED ? error_name(errno) : "ok"); p_; })
int main(void)
{
    unsigned char *p = mmap(0, 16 * PAGE, RW, ANON, -1, 0), *q;
    fill(p, 1, 16);
    q = TRY(p, 16 * PAGE, 4 * PAGE, 0);
    YES(q == p && filled(p, 1, 4));
    YES(msync(p + 4 * PAGE, PAGE, MS_ASYNC) == -1 && errno == ENOMEM);
    q = TRY(p, 4 * PAGE, 8 * PAGE, 0);
    YES(q == p && filled(p, 1, 4) && p[4 * PAGE] == 0 && p[8 * PAGE - 1] == 0);
    // Room behind is taken: without MAYMOVE no growth.
    unsigned char *r = mmap(p + 8 * PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0);
    r[0] = 99;
    TRY(p, 8 * PAGE, 16 * PAGE, 0);
    q = TRY(p, 8 * PAGE, 4000 * PAGE, MREMAP_MAYMOVE);
    YES(q != p && filled(q, 1, 4) && q[3999 * PAGE] == 0 && r[0] == 99);
    YES(msync(p, PAGE, MS_ASYNC) == -1 && errno == ENOMEM);
    // Rights and contents move together.
    mprotect(q, PAGE, PROT_READ);
    unsigned char *target = mmap(0, 8 * PAGE, RW, ANON, -1, 0);
    memset(target, 0xee, 8 * PAGE);
    q = TRY(q + PAGE, 3 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target + PAGE);
    YES(q == target + PAGE && filled(q, 2, 3) && q[3 * PAGE] == 0);
    say("around target %x %x", target[0], target[5 * PAGE]);
    // DONTUNMAP keeps the old range, empty.
    p = mmap(0, 4 * PAGE, RW, ANON, -1, 0);
    fill(p, 1, 4);
    q = mremap(p, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0);
    if (q == MAP_FAILED)
        say("DONTUNMAP: %s", error_name(errno));
    else
        say("DONTUNMAP: new %d old %d", filled(q, 1, 4), p[0]);
    // Errors.
    p = mmap(0, 4 * PAGE, RW, ANON, -1, 0);
    TRY(p + 1, PAGE, 2 * PAGE, MREMAP_MAYMOVE);
    TRY(p, PAGE, 0, MREMAP_MAYMOVE);
    TRY(p, PAGE, PAGE, 0x80);
    TRY(p, PAGE, PAGE, MREMAP_FIXED, target);
    TRY(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + PAGE);
    TRY(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, (char *)target + 1);
    TRY(p, 2 * PAGE, 1ul << 48, MREMAP_MAYMOVE);
    munmap(p + PAGE, PAGE);
    TRY(p + PAGE, PAGE, PAGE * 2, MREMAP_MAYMOVE);
    TRY(p, 3 * PAGE, 8 * PAGE, MREMAP_MAYMOVE);
    // Old size 0 of a shared mapping makes a second view.
    unsigned char *s = mmap(0, 2 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    unsigned char *t = TRY(s, 0, 2 * PAGE, MREMAP_MAYMOVE);
    s[5] = 42;
    YES(t != s && t != MAP_FAILED && t[5] == 42);
    // realloc of large blocks uses it.
    char *block = malloc(1 << 20);
    memset(block, 'x', 1 << 20);
    block = realloc(block, 64 << 20);
    YES(block[0] == 'x' && block[(1 << 20) - 1] == 'x');
    block = realloc(block, 1 << 19);
    YES(block[(1 << 19) - 1] == 'x');
    return 0;
}
