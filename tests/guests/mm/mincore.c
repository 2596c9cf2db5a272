// mincore, mlock, munlock, mlockall: results and errors.
#include "guest.h"
int main(void)
{
    unsigned char vector[8];
    char *p = mmap(0, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    p[0] = 1, p[3 * PAGE] = 1;
    RET(mincore(p, 4 * PAGE, vector));
    say("touched pages are there: %d %d", vector[0] & 1, vector[3] & 1);
    RET(mincore(p + 1, PAGE, vector));
    RET(mincore(p, 0, vector));
    RET(mincore(p, PAGE, (void *)8));
    munmap(p + 6 * PAGE, PAGE);
    RET(mincore(p + 5 * PAGE, 2 * PAGE, vector));
    RET(mincore(p, -1ul, vector));
    RET(mlock(p, 2 * PAGE));
    RET(munlock(p, 2 * PAGE));
    RET(mlock(p + 5 * PAGE, 2 * PAGE));
    RET(munlock(p + 5 * PAGE, 2 * PAGE));
    RET(mlockall(0));
    RET(mlockall(MCL_CURRENT | MCL_FUTURE));
    RET(munlockall());
    return 0;
}
