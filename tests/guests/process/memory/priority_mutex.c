// Process-shared mutexes with priority inheritance: contended, robust, timed, of a process that was killed.
#include "process.h"
int main(void)
{
    struct { pthread_mutex_t m, robust; int count; } *s = shared_page(PAGE);
    pthread_mutexattr_t a;
    pthread_mutexattr_init(&a), pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT);
    pthread_mutex_init(&s->m, &a);
    pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&s->robust, &a);
    pid_t child[4];
    for (int i = 0; i < 4; i++)
        child[i] = CHILD({
            for (int n = 0; n < 100; n++) {
                pthread_mutex_lock(&s->m);
                int seen = s->count;
                if (n % 10 == 0)
                    sched_yield();
                s->count = seen + 1;
                pthread_mutex_unlock(&s->m);
            }
        });
    for (int i = 0; i < 4; i++)
        status_of(child[i]);
    say("count %d", s->count);
    gate ready = new_gate();
    pid_t owner = CHILD(pthread_mutex_lock(&s->robust); pthread_mutex_lock(&s->m); pass(ready); for (;;) pause());
    await(ready);
    struct timespec soon;
    clock_gettime(CLOCK_REALTIME, &soon);
    soon.tv_nsec += 3000000;
    if (soon.tv_nsec >= 1000000000)
        soon.tv_sec++, soon.tv_nsec -= 1000000000;
    ERR(pthread_mutex_timedlock(&s->m, &soon));
    ERR(pthread_mutex_trylock(&s->m));
    ERR(pthread_mutex_unlock(&s->m));
    pid_t waiter = CHILD(ERR(pthread_mutex_lock(&s->robust)); ERR(pthread_mutex_consistent(&s->robust)); ERR(pthread_mutex_unlock(&s->robust)));
    settle(waiter);
    kill(owner, SIGKILL);
    status_of(owner);
    reap("waiter", waiter);
    ERR(pthread_mutex_lock(&s->robust));
    ERR(pthread_mutex_unlock(&s->robust));
    return 0;
}
