// Futexes in shared memory: wait and wake between processes, requeue, wrong value, private ones do not reach others.
#include "process.h"
#include <linux/futex.h>
static long futex(int *p, int op, int value, void *extra, int *second, int third) { return syscall(SYS_futex, p, op, value, extra, second, third); }
int main(void)
{
    int *p = shared_page(PAGE);
    pid_t child[5];
    for (int i = 0; i < 5; i++)
        child[i] = CHILD(_exit(futex(p, FUTEX_WAIT, 0, NULL, NULL, 0) == 0 ? 10 : errno));
    for (int i = 0; i < 5; i++)
        settle(child[i]);
    sleep_ms(10);
    RET(futex(p, FUTEX_WAIT, 1, NULL, NULL, 0));
    RET(futex(p, FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0));
    RET(futex(p, FUTEX_WAKE, 2, NULL, NULL, 0));
    RET(futex(p, FUTEX_CMP_REQUEUE, 1, (void *)10, p + 1, 0));
    RET(futex(p, FUTEX_WAKE, 10, NULL, NULL, 0));
    RET(futex(p + 1, FUTEX_WAKE, 10, NULL, NULL, 0));
    for (int i = 0; i < 5; i++)
        reap("child", child[i]);
    struct timespec soon = {0, 10000000};
    reap("timeout", CHILD(_exit(futex(p, FUTEX_WAIT, 0, &soon, NULL, 0) < 0 ? errno == ETIMEDOUT ? 1 : 2 : 3)));
    pid_t masked = CHILD(_exit(futex(p, FUTEX_WAIT_BITSET, 0, NULL, NULL, 2) == 0 ? 20 : errno));
    settle(masked);
    sleep_ms(5);
    RET(futex(p, FUTEX_WAKE_BITSET, 10, NULL, NULL, 4));
    RET(futex(p, FUTEX_WAKE_BITSET, 10, NULL, NULL, 6));
    reap("masked", masked);
    return 0;
}
