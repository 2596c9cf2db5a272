// Shared mappings are cut, moved, protected and left out of children, before and after forks.
#include "process.h"
#include <setjmp.h>
static sigjmp_buf back;
static void fault(int signal) { siglongjmp(back, signal); }
static const char *peek(volatile char *p)
{
    static char text[40];
    int why = sigsetjmp(back, 1);
    if (why)
        return signal_name(why);
    snprintf(text, sizeof text, "%d", *p);
    return text;
}
int main(void)
{
    signal(SIGSEGV, fault), signal(SIGBUS, fault);
    char *p = shared_page(8 * PAGE);
    for (int i = 0; i < 8; i++)
        p[i * PAGE] = i + 1;
    munmap(p + 2 * PAGE, PAGE);
    mprotect(p + 3 * PAGE, PAGE, PROT_READ);
    RET(madvise(p + 6 * PAGE, PAGE, MADV_DONTFORK));
    RET(madvise(p + 7 * PAGE, PAGE, MADV_WIPEONFORK));
    gate go = new_gate(), done = new_gate();
    pid_t child = CHILD({
        for (int i = 0; i < 8; i++)
            say("child: page %d: %s", i, peek(p + i * PAGE));
        char *moved = mremap(p + 4 * PAGE, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + 64 * PAGE);
        YES(moved == p + 64 * PAGE);
        moved[0] = 50;
        RET(mprotect(p + 3 * PAGE, PAGE, PROT_READ | PROT_WRITE));
        p[3 * PAGE] = 40;
        char *twice = mremap(p, 0, PAGE, MREMAP_MAYMOVE);
        twice[0] = 10;
        say("child: %d, %s", p[0], peek(p + 4 * PAGE));
        RET(madvise(p + PAGE, PAGE, MADV_REMOVE));
        reap("grandchild", CHILD({
            say("grandchild: %d %d %d", twice[0], moved[0], p[PAGE]);
            moved[PAGE] = 60;
        }));
        pass(done), await(go);
        say("child: %d", moved[0]);
    });
    await(done);
    for (int i = 0; i < 8; i++)
        say("parent: page %d: %s", i, peek(p + i * PAGE));
    p[4 * PAGE] = 51;
    RET(madvise(p + 6 * PAGE, PAGE, MADV_DOFORK));
    pass(go);
    reap("child", child);
    p[6 * PAGE] = 70;
    reap("second child", CHILD(say("second child: %s", peek(p + 6 * PAGE))));
    RET(msync(p, 2 * PAGE, MS_SYNC));
    return 0;
}
