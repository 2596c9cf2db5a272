// While one thread is in vfork the others run; children of several vforks at once.
#include "process.h"
static volatile int ticks, stop;
static void *counter(void *unused)
{
    (void)unused;
    while (!stop) {
        ticks++;
        sleep_ms(1);
    }
    return NULL;
}
static void *spawner(void *n)
{
    pid_t child = vfork();
    if (child == 0) {
        sleep_ms(30);
        _exit((int)(long)n);
    }
    return (void *)(long)status_of(child);
}
int main(void)
{
    pthread_t t, s[3];
    void *status;
    pthread_create(&t, NULL, counter, NULL);
    int before = ticks;
    for (long i = 0; i < 3; i++)
        pthread_create(&s[i], NULL, spawner, (void *)(i + 1));
    for (int i = 0; i < 3; i++) {
        pthread_join(s[i], &status);
        say("%s", status_name((int)(long)status));
    }
    YES(ticks > before);
    stop = 1;
    pthread_join(t, NULL);
    return 0;
}
