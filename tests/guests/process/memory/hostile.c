// A process writes garbage over all that it shares and is killed: the others get errors of their calls, and go on.
#include "process.h"
#include <linux/futex.h>
#include <semaphore.h>
int main(void)
{
    struct { pthread_mutex_t m, robust; sem_t s; pthread_cond_t c; pthread_rwlock_t l; int word; char rest[PAGE]; } *s = shared_page(2 * PAGE);
    pthread_mutexattr_t a;
    pthread_mutexattr_init(&a), pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&s->m, &a);
    pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&s->robust, &a);
    sem_init(&s->s, 1, 0);
    int fd = open("f", O_CREAT | O_RDWR, 0600);
    ftruncate(fd, PAGE);
    char *file = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    pid_t waiter = CHILD(syscall(SYS_futex, &s->word, FUTEX_WAIT, 0, NULL, NULL, 0); for (;;) pause());
    settle(waiter);
    reap("garbage", CHILD({
        unsigned seed = 1;
        for (int round = 0; round < 50; round++) {
            for (size_t i = 0; i < 2 * PAGE; i++)
                ((char *)s)[i] = seed = seed * 1103515245 + 12345, file[i % PAGE] = seed >> 8;
            for (size_t i = 0; i < 64; i += 4) {
                int *word = (int *)((char *)s + i);
                struct timespec soon = {0, 1000};
                syscall(SYS_futex, word, FUTEX_WAKE, 1000, NULL, NULL, 0);
                syscall(SYS_futex, word, FUTEX_WAIT, *word, &soon, NULL, 0);
                syscall(SYS_futex, word, FUTEX_REQUEUE, 1, 5, word + 1, 0);
            }
            ftruncate(fd, round % 3 * PAGE);
            if (round % 3 == 0)
                ftruncate(fd, PAGE);
        }
        ftruncate(fd, PAGE);
        raise(SIGKILL);
    }));
    struct timespec soon;
    clock_gettime(CLOCK_REALTIME, &soon);
    soon.tv_nsec += 1000000;
    if (soon.tv_nsec >= 1000000000)
        soon.tv_sec++, soon.tv_nsec -= 1000000000;
    // Whatever they say, they come back.
    pthread_mutex_timedlock(&s->m, &soon);
    pthread_mutex_timedlock(&s->robust, &soon);
    sem_timedwait(&s->s, &soon);
    char b[8];
    RET(pread(fd, b, 8, 0));
    memset(s, 0, sizeof *s), memset(file, 0, PAGE);
    pthread_mutex_init(&s->m, &a);
    reap("child", CHILD(ERR(pthread_mutex_lock(&s->m)); ERR(pthread_mutex_unlock(&s->m))));
    kill(waiter, SIGKILL);
    reap("waiter", waiter);
    return 0;
}
