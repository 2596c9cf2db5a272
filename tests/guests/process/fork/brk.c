// The break is the child's own.
#include "process.h"
int main(void)
{
    char *start = sbrk(3 * PAGE);
    start[0] = 'p';
    gate done = new_gate(), go = new_gate();
    pid_t child = CHILD({
        YES(sbrk(0) == start + 3 * PAGE);
        RET(brk(start + 10 * PAGE));
        start[9 * PAGE] = 'c';
        start[0] = 'c';
        pass(done);
        await(go);
    });
    await(done);
    YES(sbrk(0) == start + 3 * PAGE);
    say("%c", start[0]);
    RET(brk(start + PAGE));
    pass(go);
    reap("child", child);
    YES(sbrk(0) == start + PAGE);
    return 0;
}
