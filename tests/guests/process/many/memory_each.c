// Twenty children that each write 4 MiB of inherited memory differently and check it.
#include "process.h"
#define SIZE (4u << 20)
int main(void)
{
    unsigned *p = malloc(SIZE);
    for (unsigned i = 0; i < SIZE / 4; i++)
        p[i] = i;
    gate ready = new_gate(), go = new_gate();
    pid_t child[20];
    for (unsigned k = 0; k < 20; k++)
        child[k] = CHILD({
            for (unsigned i = 0; i < SIZE / 4; i++)
                p[i] ^= k * 0x01010101;
            pass(ready), await(go);
            int wrong = 0;
            for (unsigned i = 0; i < SIZE / 4; i++)
                wrong += p[i] != (i ^ k * 0x01010101);
            _exit(wrong != 0);
        });
    for (int k = 0; k < 20; k++)
        await(ready);
    for (int k = 0; k < 20; k++)
        pass(go);
    int good = 0;
    for (int k = 0; k < 20; k++)
        good += status_of(child[k]) == 0;
    unsigned wrong = 0;
    for (unsigned i = 0; i < SIZE / 4; i++)
        wrong += p[i] != i;
    say("good %d, parent wrong %u", good, wrong);
    return 0;
}
