// Page protections take effect at once in both directions; errors; ranges across mappings and holes.
// variants: static musl
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
static const char *attempt(volatile unsigned char *p, char how)
{
    if (sigsetjmp(back, 1)) {
        if (last.si_addr != (void *)p)
            return "wrong address";
        return last.si_code == SEGV_MAPERR ? "MAPERR" : last.si_code == SEGV_ACCERR ? "ACCERR" : "other code";
    }
    if (how == 'r')
        (void)*p;
    else if (how == 'w')
        *p = *p + 0;
    else
        ((void (*)(void))p)();
    return "ok";
}
static void rights(const char *what, unsigned char *p)
{
    say("%s: read %s, write %s, execute %s", what, attempt(p, 'r'), attempt(p, 'w'), attempt(p, 'x'));
}
int main(void)
{
    struct sigaction action = {.sa_sigaction = fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, 0);
    unsigned char *p = mmap(0, 16 * PAGE, PROT_READ | PROT_WRITE, ANON, -1, 0);
    for (int i = 0; i < 16; i++)
        p[i * PAGE] = 0xc3; // ret
    rights("rw", p);
    RET(mprotect(p, PAGE, PROT_READ)), rights("r", p);
    RET(mprotect(p, PAGE, PROT_NONE)), rights("none", p);
    RET(mprotect(p, PAGE, PROT_READ | PROT_EXEC)), rights("rx", p);
    RET(mprotect(p, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC)), rights("rwx", p);
    RET(mprotect(p, PAGE, PROT_WRITE));
    say("write only: write %s, read %s", attempt(p, 'w'), attempt(p, 'r'));
    RET(mprotect(p, PAGE, PROT_READ | PROT_WRITE)), rights("rw again", p);
    say("content kept: %s", p[0] == 0xc3 ? "yes" : "no");
    // A range rounded up to whole pages; the next page keeps its rights.
    RET(mprotect(p + PAGE, PAGE + 1, PROT_NONE));
    say("pages 1-3: %s %s %s", attempt(p + PAGE, 'r'), attempt(p + 2 * PAGE, 'r'), attempt(p + 3 * PAGE, 'r'));
    RET(mprotect(p + PAGE, 2 * PAGE, PROT_READ | PROT_WRITE));
    say("kept %d %d", p[PAGE], p[2 * PAGE]);
    // Errors.
    RET(mprotect(p + 1, PAGE, PROT_READ));
    RET(mprotect(p, 0, PROT_READ));
    RET(mprotect(p, PAGE, 0x10000));
    RET(mprotect((void *)0x7ffffffff000, PAGE, PROT_READ));
    RET(mprotect((void *)0xffff800000000000, PAGE, PROT_READ));
    RET(mprotect(p, -PAGE, PROT_READ));
    RET(mprotect(p, PAGE, PROT_READ | PROT_GROWSDOWN));
    munmap(p + 8 * PAGE, PAGE);
    // Up to the hole it is done, then ENOMEM.
    RET(mprotect(p + 6 * PAGE, 4 * PAGE, PROT_READ));
    say("before hole %s, behind hole %s", attempt(p + 7 * PAGE, 'w'), attempt(p + 9 * PAGE, 'w'));
    // Many changes of one page: the last one counts.
    for (int i = 0; i < 200; i++) {
        mprotect(p + 10 * PAGE, PAGE, PROT_NONE);
        mprotect(p + 10 * PAGE, PAGE, PROT_READ | PROT_WRITE);
        p[10 * PAGE]++;
    }
    say("counter %d", (unsigned char)(p[10 * PAGE] - 0xc3));
    // Untouched pages with rights that changed before the first touch.
    unsigned char *q = mmap(0, 4 * PAGE, PROT_NONE, ANON, -1, 0);
    RET(mprotect(q + PAGE, 2 * PAGE, PROT_READ | PROT_WRITE));
    say("%s %s %s %s", attempt(q, 'r'), attempt(q + PAGE, 'w'), attempt(q + 2 * PAGE, 'r'), attempt(q + 3 * PAGE, 'r'));
    return 0;
}
