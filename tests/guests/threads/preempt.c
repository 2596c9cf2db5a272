// CPU-bound threads do not starve others: spinners, a sleeper, a waiter on a flag, all make progress.
#include "guest.h"
static volatile long counts[3];
static volatile int stop, flag;
static void *spin(void *index)
{
    while (!stop)
        counts[(long)index]++;
    return NULL;
}
static void *set_flag(void *unused)
{
    (void)unused;
    while (!stop && !flag) // spins on memory until the main thread sets it
        ;
    return (void *)(long)flag;
}
int main(void)
{
    pthread_t t[4];
    void *r;
    for (long i = 0; i < 3; i++)
        pthread_create(&t[i], 0, spin, (void *)i);
    pthread_create(&t[3], 0, set_flag, 0);
    int64_t start = now_ms();
    for (int i = 0; i < 20; i++)
        sleep_ms(5);
    int64_t took = now_ms() - start;
    flag = 1;
    pthread_join(t[3], &r);
    stop = 1;
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], 0);
    say("sleeper was on time: %s", took >= 100 && took < 1500 ? "yes" : "no");
    say("all counted: %s", counts[0] > 1000 && counts[1] > 1000 && counts[2] > 1000 ? "yes" : "no");
    say("flag seen %ld", (long)r);
    return 0;
}
