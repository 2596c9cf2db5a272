// FUTEX_CLOCK_REALTIME: which operations take it, and what is looked at first.
#include "guest.h"
#include <linux/futex.h>
int main(void)
{
    uint32_t word = 0;
    struct timespec soon = {0, 1}, bad = {0, -1};
    const int clock = FUTEX_CLOCK_REALTIME;
    RET(syscall(SYS_futex, &word, FUTEX_WAIT | clock, 0, &soon));
    RET(syscall(SYS_futex, &word, FUTEX_WAIT | clock, 1, NULL));
    RET(syscall(SYS_futex, &word, FUTEX_WAIT | clock, 0, &bad));
    RET(syscall(SYS_futex, &word, FUTEX_WAIT | clock, 0, (void *)8));
    RET(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE | clock, 0, &soon));
    RET(syscall(SYS_futex, &word, FUTEX_WAIT, 0, &soon));
    RET(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | clock, 0, &soon, NULL, -1));
    RET(syscall(SYS_futex, &word, FUTEX_WAKE | clock, 1, (void *)8));
    RET(syscall(SYS_futex, &word, FUTEX_WAKE_OP | clock, 1, 1, &word, 0));
    RET(syscall(SYS_futex, &word, FUTEX_REQUEUE | clock, 1, 1, &word));
    RET(syscall(SYS_futex, &word, FUTEX_LOCK_PI | clock, 0, &soon));
    RET(syscall(SYS_futex, &word, FUTEX_LOCK_PI | clock, 0, &bad));
    RET(syscall(SYS_futex, &word, 99 | clock, 0, &bad));
    return 0;
}
