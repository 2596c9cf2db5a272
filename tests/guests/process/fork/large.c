// 64 MiB of memory, every page checked by both sides while the other writes.
#include "process.h"
#define SIZE (64ul << 20)
static int wrong(unsigned char *p, unsigned seed)
{
    int bad = 0;
    for (size_t i = 0; i < SIZE; i += PAGE)
        bad += *(uint64_t *)(p + i) != i * 3 + seed;
    return bad;
}
static void write_all(unsigned char *p, unsigned seed)
{
    for (size_t i = 0; i < SIZE; i += PAGE)
        *(uint64_t *)(p + i) = i * 3 + seed;
}
int main(void)
{
    unsigned char *p = mmap(0, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    write_all(p, 1);
    pid_t first = CHILD({
        int before = wrong(p, 1);
        write_all(p, 2);
        say("first child: %d wrong before, %d after", before, wrong(p, 2));
    });
    reap("first", first);
    gate go = new_gate();
    pid_t second = CHILD({
        await(go);
        say("second child: %d wrong", wrong(p, 1));
    });
    say("parent: %d wrong", wrong(p, 1));
    write_all(p, 3);
    pass(go);
    reap("second", second);
    say("parent: %d wrong", wrong(p, 3));
    return 0;
}
