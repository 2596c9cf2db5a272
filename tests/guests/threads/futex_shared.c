// A shared futex is the page's, not the address's: waiters and wakers through different mappings meet.
#include "guest.h"
#include <linux/futex.h>
static uint32_t *first, *second;
static volatile int started;
static void *waiter(void *unused)
{
    (void)unused;
    started = 1;
    return (void *)syscall(SYS_futex, first, FUTEX_WAIT, 0, &(struct timespec){2, 0});
}
int main(void)
{
    int fd = memfd_create("f", 0);
    pthread_t t;
    void *r;
    ftruncate(fd, PAGE);
    first = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    second = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    pthread_create(&t, 0, waiter, 0);
    while (!started)
        sched_yield();
    sleep_ms(20);
    say("woken through the other mapping: %ld", syscall(SYS_futex, second, FUTEX_WAKE, 1));
    pthread_join(t, &r);
    say("result %ld", (long)r);
    return 0;
}
