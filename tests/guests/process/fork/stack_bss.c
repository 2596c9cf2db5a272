// Data, bss, stack, thread-local variables: the child's changes and the parent's are apart, and each keeps its own.
// variants: static pie
#include "process.h"
static int data = 5, bss[3000];
static __thread int local = 7;
int main(void)
{
    volatile int stack[2000];
    gate go = new_gate(), done = new_gate();
    stack[1999] = 9;
    pid_t child = fork();
    if (child == 0) {
        await(go);
        say("child: %d %d %d %d", data, bss[2999], local, stack[1999]);
        data = 50, bss[2999] = 51, local = 52, stack[1999] = 53;
        pass(done);
        await(go);
        say("child keeps: %d %d %d %d", data, bss[2999], local, stack[1999]);
        _exit(0);
    }
    data = 10, bss[2999] = 11, local = 12, stack[1999] = 13;
    pass(go);
    await(done);
    say("parent: %d %d %d %d", data, bss[2999], local, stack[1999]);
    data = 0;
    pass(go);
    reap("child", child);
    return 0;
}
