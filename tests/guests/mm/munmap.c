// Unmapping: parts, holes, nothing there, bad arguments; the pages fault afterwards.
#include "guest.h"
#include <setjmp.h>
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
static sigjmp_buf back;
static siginfo_t last;
static void fault(int number, siginfo_t *info, void *context)
{
    (void)number, (void)context;
    last = *info;
    siglongjmp(back, 1);
}
static char look(volatile unsigned char *p)
{
    if (sigsetjmp(back, 1))
        return last.si_code == SEGV_MAPERR ? 'u' : last.si_code == SEGV_ACCERR ? 'a' : '?';
    return *p ? '1' : '0';
}
static void show(const char *what, unsigned char *p, int pages)
{
    char line[64] = {0};
    for (int i = 0; i < pages; i++)
        line[i] = look(p + i * PAGE);
    say("%s: %s", what, line);
}
int main(void)
{
    struct sigaction action = {.sa_sigaction = fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, 0);
    unsigned char *p = mmap(0, 8 * PAGE, PROT_READ | PROT_WRITE, ANON, -1, 0);
    memset(p, 1, 8 * PAGE);
    show("all", p, 8);
    RET(munmap(p, PAGE));
    show("first gone", p, 8);
    RET(munmap(p + 3 * PAGE, 2 * PAGE));
    show("hole", p, 8);
    RET(munmap(p, 8 * PAGE - 1));
    show("all gone", p, 8);
    RET(munmap(p, 8 * PAGE));
    RET(munmap(p + 1, PAGE));
    RET(munmap(p, 0));
    RET(munmap((void *)0x7ffffffff000, PAGE));
    RET(munmap((void *)0x7fffffffe000, 2 * PAGE));
    RET(munmap((void *)0xffff800000000000, PAGE));
    RET(munmap(p, -1ul));
    // A mapping over another with different rights, then pieces unmapped across the border.
    p = mmap(0, 8 * PAGE, PROT_READ | PROT_WRITE, ANON, -1, 0);
    memset(p, 1, 8 * PAGE);
    mmap(p + 2 * PAGE, 2 * PAGE, PROT_NONE, ANON | MAP_FIXED, -1, 0);
    mmap(p + 4 * PAGE, PAGE, PROT_READ, ANON | MAP_FIXED, -1, 0);
    show("patchwork", p, 8);
    RET(munmap(p + PAGE, 2 * PAGE));
    show("across", p, 8);
    // Mapped again at the same place: zero, nothing left of before.
    mmap(p, 8 * PAGE, PROT_READ | PROT_WRITE, ANON | MAP_FIXED, -1, 0);
    show("fresh", p, 8);
    // Reuse many times: contents are always zero.
    int dirty = 0;
    for (int i = 0; i < 500; i++) {
        size_t n = (i % 37 + 1) * PAGE;
        unsigned char *q = mmap(0, n, PROT_READ | PROT_WRITE, ANON, -1, 0);
        for (size_t k = 0; k < n; k += 512)
            dirty |= q[k];
        memset(q, 0xff, n);
        munmap(q, n);
    }
    say("reused pages %s", dirty ? "dirty" : "zero");
    return 0;
}
