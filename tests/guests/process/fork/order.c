// Both go on after fork: the parent without waiting for the child, the child without the parent.
#include "process.h"
int main(void)
{
    gate to_child = new_gate(), to_parent = new_gate();
    pid_t child = fork();
    if (child == 0) {
        await(to_child);
        say("child first: told by the parent");
        pass(to_parent);
        await(to_child);
        say("child second");
        _exit(0);
    }
    say("parent before the child");
    pass(to_child);
    await(to_parent);
    say("parent between");
    pass(to_child);
    reap("child", child);
    return 0;
}
