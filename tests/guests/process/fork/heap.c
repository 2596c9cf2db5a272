// Memory of the heap is the child's own, small blocks and large ones.
// variants: static musl
#include "process.h"
static uint64_t fill(unsigned char *p, size_t size, unsigned seed)
{
    for (size_t i = 0; i < size; i++)
        p[i] = (unsigned char)(seed + i * 7 + i / 251);
    return hash(p, size);
}
int main(void)
{
    unsigned char *block[20];
    for (int i = 0; i < 20; i++) {
        block[i] = malloc(100u << i % 16);
        fill(block[i], 100u << i % 16, i);
    }
    gate changed = new_gate();
    pid_t child = CHILD({
        uint64_t sum = 0;
        for (int i = 0; i < 20; i++)
            sum += hash(block[i], 100u << i % 16);
        say("child sees %016lx", sum);
        for (int i = 0; i < 20; i++)
            fill(block[i], 100u << i % 16, 99);
        for (int i = 0; i < 20; i++)
            free(block[i]);
        char *more = malloc(3000000);
        memset(more, 1, 3000000);
        free(more);
        pass(changed);
    });
    await(changed);
    uint64_t sum = 0;
    for (int i = 0; i < 20; i++)
        sum += hash(block[i], 100u << i % 16);
    say("parent sees %016lx", sum);
    reap("child", child);
    return 0;
}
