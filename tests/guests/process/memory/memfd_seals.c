// memfd_create across processes: seals count the mappings of all, growing and shrinking, a mapping that a seal came after.
// variants: static musl
#include "process.h"
int main(void)
{
    int before = memfd_create("before", MFD_ALLOW_SEALING | MFD_CLOEXEC);
    ftruncate(before, 2 * PAGE);
    char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, before, 0);
    strcpy(p, "made before");
    gate go = new_gate(), done = new_gate();
    pid_t child = CHILD({
        say("child sees %s", p);
        strcpy(p, "by the child");
        int after = memfd_create("after", MFD_ALLOW_SEALING);
        RET(ftruncate(after, PAGE));
        char *q = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, after, 0);
        strcpy(q, "new");
        reap("grandchild", CHILD({
            say("grandchild sees %s", q);
            strcpy(q, "newer");
            munmap(q, PAGE);
            RET(fcntl(after, F_ADD_SEALS, F_SEAL_WRITE));
        }));
        say("child sees %s", q);
        RET(fcntl(after, F_ADD_SEALS, F_SEAL_GROW));
        RET(ftruncate(after, 2 * PAGE));
        munmap(q, PAGE);
        RET(fcntl(after, F_ADD_SEALS, F_SEAL_WRITE));
        RET(write(after, "x", 1));
        YES(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, after, 0) == MAP_FAILED);
        char *r = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, after, 0);
        say("read-only %s", r);
        munmap(p, 2 * PAGE);
        pass(done), await(go);
        p = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, before, 0);
        say("child: %s, seals %x", p, fcntl(before, F_GET_SEALS));
        RET(ftruncate(before, 0));
    });
    await(done);
    say("parent sees %s", p);
    RET(fcntl(before, F_ADD_SEALS, F_SEAL_WRITE));
    RET(fcntl(before, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE));
    strcpy(p, "still written");
    RET(pwrite(before, "x", 1, 0));
    pass(go);
    reap("child", child);
    char link[40];
    char text[80] = {0};
    snprintf(link, sizeof link, "/proc/self/fd/%d", before);
    RET(readlink(link, text, 79));
    say("%s", text);
    return 0;
}
