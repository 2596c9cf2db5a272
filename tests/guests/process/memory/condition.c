// A process-shared condition: signal wakes one, broadcast all, timed waits.
// variants: static musl
#include "process.h"
int main(void)
{
    struct { pthread_mutex_t m; pthread_cond_t c; volatile int waiting, go, woken; } *s = shared_page(PAGE);
    pthread_mutexattr_t ma;
    pthread_condattr_t ca;
    pthread_mutexattr_init(&ma), pthread_mutexattr_setpshared(&ma, PTHREAD_PROCESS_SHARED), pthread_mutex_init(&s->m, &ma);
    pthread_condattr_init(&ca), pthread_condattr_setpshared(&ca, PTHREAD_PROCESS_SHARED), pthread_cond_init(&s->c, &ca);
    pid_t child[6];
    for (int i = 0; i < 6; i++)
        child[i] = CHILD({
            pthread_mutex_lock(&s->m);
            s->waiting++;
            while (!s->go)
                pthread_cond_wait(&s->c, &s->m);
            s->go--;
            s->woken++;
            pthread_mutex_unlock(&s->m);
        });
    for (;;) {
        pthread_mutex_lock(&s->m);
        if (s->waiting == 6)
            break;
        pthread_mutex_unlock(&s->m);
        sleep_ms(1);
    }
    s->go = 1;
    pthread_cond_signal(&s->c);
    pthread_mutex_unlock(&s->m);
    while (s->woken < 1)
        sleep_ms(1);
    sleep_ms(10);
    say("after one signal: %d", s->woken);
    pthread_mutex_lock(&s->m);
    s->go = 5;
    pthread_cond_broadcast(&s->c);
    pthread_mutex_unlock(&s->m);
    for (int i = 0; i < 6; i++)
        status_of(child[i]);
    say("after a broadcast: %d", s->woken);
    return 0;
}
