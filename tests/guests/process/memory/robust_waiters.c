// Waiters for a robust mutex are woken one after the other as each owner is killed.
#include "process.h"
int main(void)
{
    struct { pthread_mutex_t m; int dead; volatile pid_t owner; } *s = shared_page(PAGE);
    pthread_mutexattr_t a;
    pthread_mutexattr_init(&a), pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED), pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&s->m, &a);
    pid_t child[5];
    for (int i = 0; i < 5; i++)
        child[i] = CHILD({
            int r = pthread_mutex_lock(&s->m);
            if (r == EOWNERDEAD)
                s->dead++, pthread_mutex_consistent(&s->m);
            s->owner = getpid();
            for (;;)
                pause();
        });
    for (int i = 0; i < 5; i++) {
        pid_t owner;
        while (!(owner = s->owner))
            sleep_ms(1);
        s->owner = 0;
        kill(owner, SIGKILL);
        say("owner: %s", status_name(status_of(owner)));
    }
    ERR(pthread_mutex_lock(&s->m));
    say("dead owners found %d", s->dead);
    (void)child;
    return 0;
}
