// Thousands of mappings with alternating rights; each keeps its own content and rights.
#include "guest.h"
#include <setjmp.h>
#define N 6000
static sigjmp_buf back;
static void fault(int number) { siglongjmp(back, number); }
int main(void)
{
    signal(SIGSEGV, fault);
    unsigned *p = mmap(0, N * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < N; i++)
        p[i * 1024] = i * 2654435761u;
    int failed = 0;
    for (int i = 0; i < N; i += 2)
        failed += mprotect(p + i * 1024, PAGE, PROT_READ) != 0;
    say("protected, %d failed", failed);
    int wrong = 0;
    for (int i = 0; i < N; i++)
        wrong += p[i * 1024] != i * 2654435761u;
    say("%d wrong", wrong);
    int faults = 0;
    for (volatile int i = 0; i < N; i += 37) {
        if (sigsetjmp(back, 1) == 0)
            p[i * 1024]++;
        else
            faults++;
    }
    say("%d faults", faults);
    for (int i = 0; i < N; i += 3)
        munmap(p + i * 1024, PAGE);
    faults = 0;
    for (volatile int i = 0; i < N; i += 41) {
        if (sigsetjmp(back, 1) == 0)
            (void)*(volatile unsigned *)(p + i * 1024);
        else
            faults++;
    }
    say("%d faults after unmapping a third", faults);
    RET(mprotect(p, N * PAGE, PROT_READ | PROT_WRITE));
    RET(munmap(p, N * PAGE));
    return 0;
}
