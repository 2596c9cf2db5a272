// A futex in private memory is each process's own after fork, even at the same address.
#include "process.h"
#include <linux/futex.h>
static int word;
int main(void)
{
    pid_t child = CHILD({
        struct timespec wait = {0, 60000000};
        long r = syscall(SYS_futex, &word, FUTEX_WAIT, 0, &wait, NULL, 0);
        _exit(r < 0 ? errno == ETIMEDOUT ? 1 : 2 : 3);
    });
    settle(child);
    RET(syscall(SYS_futex, &word, FUTEX_WAKE, 10, NULL, NULL, 0));
    reap("child", child);
    return 0;
}
