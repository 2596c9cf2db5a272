// A futex in a file mapped shared by two processes at different addresses.
#include "process.h"
#include <linux/futex.h>
int main(void)
{
    int fd = open("f", O_CREAT | O_RDWR, 0600);
    ftruncate(fd, 2 * PAGE);
    pid_t child = CHILD({
        mmap(0, 5 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        int own = open("f", O_RDWR);
        int *p = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, own, 0);
        while (!__atomic_load_n(&p[1030], __ATOMIC_SEQ_CST))
            syscall(SYS_futex, &p[1030], FUTEX_WAIT, 0, NULL, NULL, 0);
        _exit(p[1030]);
    });
    int *q = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, PAGE);
    settle(child);
    sleep_ms(5);
    __atomic_store_n(&q[6], 42, __ATOMIC_SEQ_CST);
    RET(syscall(SYS_futex, &q[6], FUTEX_WAKE, 1, NULL, NULL, 0));
    reap("child", child);
    return 0;
}
