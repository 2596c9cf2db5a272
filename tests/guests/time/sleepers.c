// Threads that sleep for different times wake in order.
#include "guest.h"
static int order[8], next;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct timespec start;
static void *sleeper(void *index)
{
    struct timespec t = start;
    t.tv_nsec += (300 + 40 * (7 - (long)index)) * 1000000l;
    t.tv_sec += t.tv_nsec / 1000000000, t.tv_nsec %= 1000000000;
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, 0);
    pthread_mutex_lock(&lock);
    order[next++] = (int)(long)index;
    pthread_mutex_unlock(&lock);
    return NULL;
}
int main(void)
{
    pthread_t t[8];
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (long i = 0; i < 8; i++)
        pthread_create(&t[i], 0, sleeper, (void *)i);
    for (int i = 0; i < 8; i++)
        pthread_join(t[i], 0);
    say("%d %d %d %d %d %d %d %d", order[0], order[1], order[2], order[3], order[4], order[5], order[6], order[7]);
    return 0;
}
