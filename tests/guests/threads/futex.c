// futex: wait, wake, values, timeouts relative and absolute, bitsets, requeue, wake-op, errors.
// variants: static musl
#include "guest.h"
#include <linux/futex.h>
static uint32_t word, other;
#define FUTEX(...) syscall(SYS_futex, __VA_ARGS__)
static volatile int waiting, woken;
static void *waiter(void *bits)
{
    __atomic_add_fetch(&waiting, 1, __ATOMIC_SEQ_CST);
    long r;
    do
        r = bits ? FUTEX(&word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, 0, NULL, NULL, (uint32_t)(long)bits)
                 : FUTEX(&word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, NULL);
    while (r == -1 && errno == EINTR);
    __atomic_add_fetch(&woken, 1, __ATOMIC_SEQ_CST);
    return (void *)(r == -1 ? (long)errno : r);
}
static void start(pthread_t *t, long bits)
{
    int before = waiting;
    pthread_create(t, 0, waiter, (void *)bits);
    while (waiting == before)
        sched_yield();
    sleep_ms(5);
}
static void until(int n)
{
    for (int i = 0; i < 1000 && woken < n; i++)
        sleep_ms(1);
    say("woken %d", woken);
}
int main(void)
{
    pthread_t t[8];
    struct timespec ms20 = {0, 20000000}, bad = {0, 1000000000}, negative = {-1, 0}, now;
    RET(FUTEX(&word, FUTEX_WAIT, 1, NULL));
    int64_t begin = now_ms();
    RET(FUTEX(&word, FUTEX_WAIT, 0, &ms20));
    YES(now_ms() - begin >= 19 && now_ms() - begin < 1000);
    clock_gettime(CLOCK_MONOTONIC, &now);
    now.tv_nsec += 20000000;
    if (now.tv_nsec >= 1000000000)
        now.tv_nsec -= 1000000000, now.tv_sec++;
    begin = now_ms();
    RET(FUTEX(&word, FUTEX_WAIT_BITSET, 0, &now, NULL, FUTEX_BITSET_MATCH_ANY));
    YES(now_ms() - begin >= 19 && now_ms() - begin < 1000);
    clock_gettime(CLOCK_REALTIME, &now);
    RET(FUTEX(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &now, NULL, 1));
    RET(FUTEX(&word, FUTEX_WAIT_BITSET, 0, &ms20, NULL, 0));
    RET(FUTEX(&word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0));
    RET(FUTEX(&word, FUTEX_WAIT, 0, &bad));
    RET(FUTEX(&word, FUTEX_WAIT, 0, &negative));
    RET(FUTEX(&word, FUTEX_WAIT, 0, (void *)8));
    RET(FUTEX((char *)&word + 1, FUTEX_WAIT, 0, &ms20));
    RET(FUTEX((char *)&word + 1, FUTEX_WAKE, 1));
    RET(FUTEX((void *)8, FUTEX_WAIT, 0, &ms20));
    RET(FUTEX((void *)8, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1));
    RET(FUTEX((void *)0xffff900000000000, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1));
    RET(FUTEX(&word, 77, 0));
    RET(FUTEX(&word, FUTEX_WAKE, 10));
    for (int i = 0; i < 4; i++)
        start(&t[i], 0);
    RET(FUTEX(&word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1)), until(1);
    RET(FUTEX(&word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 2)), until(3);
    RET(FUTEX(&word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, INT_MAX)), until(4);
    for (int i = 0; i < 4; i++) {
        void *r;
        pthread_join(t[i], &r);
        say("result %ld", (long)r);
    }
    // Bitsets.
    woken = 0;
    start(&t[0], 1), start(&t[1], 2), start(&t[2], 3);
    RET(FUTEX(&word, FUTEX_WAKE_BITSET | FUTEX_PRIVATE_FLAG, INT_MAX, NULL, NULL, 4)), until(0);
    RET(FUTEX(&word, FUTEX_WAKE_BITSET | FUTEX_PRIVATE_FLAG, INT_MAX, NULL, NULL, 2)), until(2);
    RET(FUTEX(&word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, INT_MAX)), until(3);
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], 0);
    // Requeue: one woken, two moved, two left.
    woken = 0;
    for (int i = 0; i < 5; i++)
        start(&t[i], 0);
    RET(FUTEX(&word, FUTEX_CMP_REQUEUE | FUTEX_PRIVATE_FLAG, 1, (void *)2l, &other, 99));
    RET(FUTEX(&word, FUTEX_CMP_REQUEUE | FUTEX_PRIVATE_FLAG, 1, (void *)2l, &other, 0)), until(1);
    RET(FUTEX(&other, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, INT_MAX)), until(3);
    RET(FUTEX(&word, FUTEX_REQUEUE | FUTEX_PRIVATE_FLAG, 0, (void *)(long)INT_MAX, &other)), until(3);
    RET(FUTEX(&word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, INT_MAX));
    RET(FUTEX(&other, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, INT_MAX)), until(5);
    for (int i = 0; i < 5; i++)
        pthread_join(t[i], 0);
    // Wake-op: other += 1, old value compared.
    woken = 0, other = 5;
    start(&t[0], 0);
    RET(FUTEX(&other, FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG, 1, (void *)1l, &word, FUTEX_OP(FUTEX_OP_ADD, 0, FUTEX_OP_CMP_EQ, 0)));
    until(1);
    RET(FUTEX(&word, FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG, 1, (void *)1l, &other, FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_EQ, 4)));
    say("other %u", other);
    RET(FUTEX(&word, FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG, 1, (void *)1l, (void *)8, FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_EQ, 4)));
    pthread_join(t[0], 0);
    // Shared futexes in a file's mapping, through two addresses.
    int fd = memfd_create("f", 0);
    ftruncate(fd, PAGE);
    uint32_t *a = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    uint32_t *b = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    RET(FUTEX(a, FUTEX_WAIT, 0, &ms20));
    RET(FUTEX(b, FUTEX_WAKE, 1));
    return 0;
}
