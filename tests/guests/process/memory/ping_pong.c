// A thousand rounds of ping-pong by futexes in shared memory, and by spinning.
#include "process.h"
#include <linux/futex.h>
static void wait_for(int *p, int value)
{
    int now;
    while ((now = __atomic_load_n(p, __ATOMIC_SEQ_CST)) != value)
        syscall(SYS_futex, p, FUTEX_WAIT, now, NULL, NULL, 0);
}
static void set(int *p, int value)
{
    __atomic_store_n(p, value, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, p, FUTEX_WAKE, 1, NULL, NULL, 0);
}
int main(void)
{
    int *p = shared_page(PAGE);
    pid_t child = CHILD(for (int i = 1; i <= 1000; i++) {
        wait_for(&p[0], i);
        set(&p[16], i);
    });
    for (int i = 1; i <= 1000; i++) {
        set(&p[0], i);
        wait_for(&p[16], i);
    }
    say("%d %d", p[0], p[16]);
    reap("child", child);
    return 0;
}
