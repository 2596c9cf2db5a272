// Where thread creation ends: RLIMIT_NPROC does not bind root; a thousand threads at once work.
#include "guest.h"
static pthread_barrier_t barrier;
static void *work(void *unused)
{
    (void)unused;
    pthread_barrier_wait(&barrier);
    return NULL;
}
int main(void)
{
    static pthread_t t[1000];
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 32768);
    pthread_barrier_init(&barrier, 0, 1001);
    int n = 0;
    while (n < 1000 && !pthread_create(&t[n], &small, work, 0))
        n++;
    say("%d threads", n);
    if (n == 1000)
        pthread_barrier_wait(&barrier);
    for (int i = 0; i < n; i++)
        pthread_join(t[i], 0);
    say("joined");
    return 0;
}
