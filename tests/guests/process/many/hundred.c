// A hundred children at once, all alive together, each with its own memory, all waited for.
// slow
#include "process.h"
int main(void)
{
    enum { N = 100 };
    pid_t child[N];
    gate ready = new_gate(), go = new_gate();
    int own = 0, sum = 0, right = 0;
    for (int i = 0; i < N; i++)
        child[i] = CHILD({
            own = i * 3;
            pass(ready), await(go);
            _exit(own % 256);
        });
    for (int i = 0; i < N; i++)
        await(ready);
    say("all alive, own %d", own);
    for (int i = 0; i < N; i++)
        pass(go);
    for (int i = 0; i < N; i++) {
        int status = status_of(child[i]);
        sum += WEXITSTATUS(status);
        right += WEXITSTATUS(status) == i * 3 % 256;
    }
    say("sum %d, right %d", sum, right);
    return 0;
}
