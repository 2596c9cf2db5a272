// Process-shared barrier and read-write lock.
// variants: static musl
#include "process.h"
int main(void)
{
    struct { pthread_barrier_t b; pthread_rwlock_t l; int arrived, early, serial; long a, copy, torn; } *s = shared_page(PAGE);
    pthread_barrierattr_t ba;
    pthread_rwlockattr_t la;
    pthread_barrierattr_init(&ba), pthread_barrierattr_setpshared(&ba, PTHREAD_PROCESS_SHARED), pthread_barrier_init(&s->b, &ba, 5);
    pthread_rwlockattr_init(&la), pthread_rwlockattr_setpshared(&la, PTHREAD_PROCESS_SHARED), pthread_rwlock_init(&s->l, &la);
    pid_t child[5];
    for (int k = 0; k < 5; k++)
        child[k] = CHILD({
            for (int i = 0; i < 20; i++) {
                __sync_fetch_and_add(&s->arrived, 1);
                if (pthread_barrier_wait(&s->b) == PTHREAD_BARRIER_SERIAL_THREAD)
                    __sync_fetch_and_add(&s->serial, 1);
                if (s->arrived < 5 * (i + 1))
                    __sync_fetch_and_add(&s->early, 1);
                pthread_barrier_wait(&s->b);
            }
            for (int i = 0; i < 200; i++)
                if (k < 2) {
                    pthread_rwlock_wrlock(&s->l);
                    s->a++, s->copy++;
                    pthread_rwlock_unlock(&s->l);
                } else {
                    pthread_rwlock_rdlock(&s->l);
                    if (s->a != s->copy)
                        __sync_fetch_and_add(&s->torn, 1);
                    pthread_rwlock_unlock(&s->l);
                }
        });
    for (int k = 0; k < 5; k++)
        status_of(child[k]);
    say("early %d, serial %d, count %ld, torn %ld", s->early, s->serial, s->a, s->torn);
    ERR(pthread_rwlock_rdlock(&s->l));
    reap("child", CHILD({
        ERR(pthread_rwlock_tryrdlock(&s->l));
        ERR(pthread_rwlock_unlock(&s->l));
        ERR(pthread_rwlock_trywrlock(&s->l));
    }));
    return 0;
}
