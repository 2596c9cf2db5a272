// Moving, growing and doubling a shared anonymous mapping, MAP_POPULATE and memory locks over fork.
#include "process.h"
int main(void)
{
    char *p = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    say("mapped %d", p != MAP_FAILED);
    RET(mlock(p, 2 * PAGE));
    reap("child", CHILD({
        RET(munlock(p, 2 * PAGE));
        strcpy(p, "child");
        char *q = mremap(p, 2 * PAGE, 8 * PAGE, MREMAP_MAYMOVE);
        YES(q != MAP_FAILED);
        say("%s", q);
        strcpy(q + PAGE, "second page");
    }));
    say("%s, %s", p, p + PAGE);
    char *copy = mremap(p, 0, 2 * PAGE, MREMAP_MAYMOVE);
    YES(copy != MAP_FAILED && copy != p);
    reap("child", CHILD(strcpy(copy, "through the copy")));
    say("%s", p);
    return 0;
}
