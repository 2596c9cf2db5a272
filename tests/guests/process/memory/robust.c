// A robust process-shared mutex whose owner is killed, exits or executes: EOWNERDEAD, consistent, ENOTRECOVERABLE.
// variants: static musl
#include "process.h"
int main(void)
{
    struct { pthread_mutex_t m, n; } *s = shared_page(PAGE);
    pthread_mutexattr_t a;
    pthread_mutexattr_init(&a), pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED), pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&s->m, &a), pthread_mutex_init(&s->n, &a);
    for (int how = 0; how < 3; how++) {
        gate ready = new_gate();
        pid_t owner = CHILD({
            pthread_mutex_lock(&s->m), pthread_mutex_lock(&s->n);
            pass(ready);
            if (how == 0)
                for (;;)
                    pause();
            if (how == 2)
                execl("/bin/true", "true", NULL);
        });
        await(ready);
        if (how == 0)
            kill(owner, SIGKILL);
        reap("owner", owner);
        ERR(pthread_mutex_lock(&s->m));
        ERR(pthread_mutex_consistent(&s->m));
        ERR(pthread_mutex_unlock(&s->m));
        ERR(pthread_mutex_trylock(&s->n));
        ERR(pthread_mutex_consistent(&s->n));
        ERR(pthread_mutex_unlock(&s->n));
        ERR(pthread_mutex_lock(&s->m));
        ERR(pthread_mutex_unlock(&s->m));
    }
    pid_t owner = CHILD(pthread_mutex_lock(&s->m));
    status_of(owner);
    ERR(pthread_mutex_lock(&s->m));
    ERR(pthread_mutex_unlock(&s->m));
    ERR(pthread_mutex_lock(&s->m));
    reap("child", CHILD(ERR(pthread_mutex_lock(&s->m))));
    return 0;
}
