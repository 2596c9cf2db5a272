// MAP_SHARED|MAP_ANONYMOUS: both see each other's writes, over generations and after the creator is gone.
// variants: static musl
#include "process.h"
int main(void)
{
    under_reaper();
    char *p = shared_page(16 * PAGE);
    strcpy(p, "parent");
    gate go = new_gate(), done = new_gate();
    reap("child", CHILD({
        say("child sees %s", p);
        strcpy(p, "child"), strcpy(p + 15 * PAGE, "last page");
        CHILD({
            await(go);
            say("grandchild sees %s", p);
            strcpy(p, "grandchild");
            pass(done);
        });
    }));
    say("parent sees %s, %s", p, p + 15 * PAGE);
    strcpy(p, "again");
    pass(go);
    await(done);
    say("parent sees %s", p);
    munmap(p, 16 * PAGE);
    return 0;
}
