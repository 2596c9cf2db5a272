// A shared mapping of 16 MiB: every page written by one process and read by the other.
#include "process.h"
#define SIZE (16ul << 20)
int main(void)
{
    uint64_t *p = shared_page(SIZE);
    gate go = new_gate(), done = new_gate();
    for (size_t i = 0; i < SIZE / 8; i += 512)
        p[i] = i;
    pid_t child = CHILD({
        int wrong = 0;
        for (size_t i = 0; i < SIZE / 8; i += 512) {
            wrong += p[i] != i;
            p[i + 1] = i * 3;
        }
        say("child: %d wrong", wrong);
        pass(done), await(go);
        wrong = 0;
        for (size_t i = 0; i < SIZE / 8; i += 512)
            wrong += p[i + 2] != i * 5;
        say("child: %d wrong", wrong);
    });
    await(done);
    int wrong = 0;
    for (size_t i = 0; i < SIZE / 8; i += 512) {
        wrong += p[i + 1] != i * 3;
        p[i + 2] = i * 5;
    }
    say("parent: %d wrong", wrong);
    pass(go);
    reap("child", child);
    return 0;
}
