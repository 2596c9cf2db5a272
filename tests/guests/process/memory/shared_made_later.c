// A shared mapping that a child makes after fork is not the parent's; one made between two forks is shared by the two.
#include "process.h"
int main(void)
{
    gate go = new_gate(), done = new_gate();
    pid_t first = CHILD({
        await(go);
        char *own = shared_page(PAGE);
        strcpy(own, "first");
        reap("its child", CHILD(strcat(own, "+")));
        say("%s", own);
        pass(done);
    });
    char *p = shared_page(PAGE);
    pid_t second = CHILD(await(go); strcpy(p, "second"); pass(done));
    pass(go);
    pass(go);
    await(done), await(done);
    say("%s", p);
    status_of(first), status_of(second);
    return 0;
}
