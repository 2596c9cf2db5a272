// Eight processes fork at once, each ten children; and threads of one process fork at once.
#include "process.h"
static void *forker(void *unused)
{
    (void)unused;
    long good = 0;
    for (int i = 0; i < 8; i++)
        good += status_of(CHILD(_exit(9))) >> 8 == 9;
    return (void *)good;
}
int main(void)
{
    pid_t child[8];
    int sum = 0;
    for (int k = 0; k < 8; k++)
        child[k] = CHILD({
            int good = 0;
            for (int i = 0; i < 10; i++)
                good += status_of(CHILD(_exit(i))) >> 8 == i;
            _exit(good);
        });
    for (int k = 0; k < 8; k++)
        sum += WEXITSTATUS(status_of(child[k]));
    say("%d", sum);
    pthread_t t[4];
    sum = 0;
    for (int i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, forker, NULL);
    for (int i = 0; i < 4; i++) {
        void *good;
        pthread_join(t[i], &good);
        sum += (int)(long)good;
    }
    say("%d", sum);
    return 0;
}
