// clone with a stack and without CLONE_VM: the child runs the function on its copy of the stack.
// variants: static
#include "process.h"
#include <sched.h>
static char stack[65536] __attribute__((aligned(16)));
static int run(void *p)
{
    char here;
    say("on the stack given: %d, argument %d", &here >= stack && &here < stack + sizeof stack, *(int *)p);
    *(int *)p = 5;
    return 17;
}
int main(void)
{
    int argument = 41;
    pid_t pid = clone(run, stack + sizeof stack, SIGCHLD, &argument);
    reap("child", pid);
    say("argument %d", argument);
    return 0;
}
