// mprotect, munmap and mremap of a shared mapping are each process's own; the memory is the same.
#include "process.h"
int main(void)
{
    char *p = shared_page(4 * PAGE);
    strcpy(p, "start");
    reap("read only for the child", CHILD(mprotect(p, PAGE, PROT_READ); p[0] = 1));
    reap("unmapped in the child", CHILD(munmap(p, PAGE); _exit(p[0])));
    strcpy(p, "still writable");
    reap("moved in the child", CHILD({
        char *q = mremap(p, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, mmap(0, 4 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        say("child: %s", q);
        strcpy(q, "written elsewhere");
    }));
    say("%s", p);
    reap("DONTNEED in the child", CHILD(RET(madvise(p, PAGE, MADV_DONTNEED)); say("%s", p)));
    reap("REMOVE in the child", CHILD(RET(madvise(p, PAGE, MADV_REMOVE))));
    say("after MADV_REMOVE: %d", p[0]);
    return 0;
}
