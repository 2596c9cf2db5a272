// Atomic operations on shared memory by eight processes: nothing is lost.
#include "process.h"
int main(void)
{
    long *p = shared_page(PAGE);
    pid_t child[8];
    for (int k = 0; k < 8; k++)
        child[k] = CHILD(for (int i = 0; i < 50000; i++) {
            __sync_fetch_and_add(&p[0], 1);
            __sync_fetch_and_xor(&p[8], i);
            p[16 + k]++;
        });
    for (int k = 0; k < 8; k++)
        status_of(child[k]);
    say("%ld %ld %ld", p[0], p[8], p[20]);
    return 0;
}
