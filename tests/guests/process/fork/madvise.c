// MADV_DONTFORK leaves pages out, MADV_WIPEONFORK gives zeros, in the child and in the child's child; MADV_DOFORK, MADV_KEEPONFORK.
#include "process.h"
static char *map(const char *text)
{
    char *p = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    strcpy(p, text), strcpy(p + PAGE, text);
    return p;
}
int main(void)
{
    char *left_out = map("out"), *wiped = map("wipe"), *kept = map("kept"), *again = map("again");
    RET(madvise(left_out, PAGE, MADV_DONTFORK));
    RET(madvise(wiped, PAGE, MADV_WIPEONFORK));
    RET(madvise(kept, PAGE, MADV_WIPEONFORK));
    RET(madvise(kept, PAGE, MADV_KEEPONFORK));
    RET(madvise(again, PAGE, MADV_DONTFORK));
    RET(madvise(again, PAGE, MADV_DOFORK));
    reap("child", CHILD({
        say("child: %s|%s %s|%s %s", wiped, wiped + PAGE, kept, kept + PAGE, again);
        say("second page left in: %s", left_out + PAGE);
        unsigned char vector;
        RET(mincore(left_out, PAGE, &vector));
        strcpy(wiped, "own");
        reap("touch of what was left out", CHILD(left_out[0] = 1));
        reap("grandchild", CHILD(say("grandchild: %s|%s", wiped, wiped + PAGE)));
        say("child keeps %s", wiped);
    }));
    say("parent: %s %s", left_out, wiped);
    char *shared = shared_page(PAGE);
    RET(madvise(shared, PAGE, MADV_WIPEONFORK));
    return 0;
}
