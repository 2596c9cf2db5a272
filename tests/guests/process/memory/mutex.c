// A process-shared mutex: eight processes count under it; trylock, timed lock, error checking across processes.
// variants: static musl
#include "process.h"
int main(void)
{
    struct { pthread_mutex_t mutex, checking; long count; } *s = shared_page(PAGE);
    pthread_mutexattr_t a;
    pthread_mutexattr_init(&a);
    ERR(pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED));
    pthread_mutex_init(&s->mutex, &a);
    pthread_mutexattr_settype(&a, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_init(&s->checking, &a);
    pid_t child[8];
    for (int k = 0; k < 8; k++)
        child[k] = CHILD(for (int i = 0; i < 2000; i++) {
            pthread_mutex_lock(&s->mutex);
            s->count++;
            pthread_mutex_unlock(&s->mutex);
        });
    for (int k = 0; k < 8; k++)
        status_of(child[k]);
    say("%ld", s->count);
    ERR(pthread_mutex_lock(&s->checking));
    reap("child", CHILD({
        ERR(pthread_mutex_trylock(&s->checking));
        ERR(pthread_mutex_unlock(&s->checking));
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        t.tv_nsec += 20000000;
        if (t.tv_nsec >= 1000000000)
            t.tv_nsec -= 1000000000, t.tv_sec++;
        ERR(pthread_mutex_timedlock(&s->checking, &t));
    }));
    ERR(pthread_mutex_lock(&s->checking));
    ERR(pthread_mutex_unlock(&s->checking));
    return 0;
}
