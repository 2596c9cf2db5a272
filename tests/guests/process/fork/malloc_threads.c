// fork while other threads allocate: the child's malloc works every time.
// variants: static pie
#include "process.h"
static void *worker(void *unused)
{
    (void)unused;
    for (unsigned i = 1;; i++) {
        char *p = malloc(i * 37 % 5000 + 1);
        p[0] = 1;
        free(p);
    }
    return NULL;
}
int main(void)
{
    pthread_t t;
    for (int i = 0; i < 3; i++)
        pthread_create(&t, NULL, worker, NULL);
    int good = 0;
    for (int i = 0; i < 30; i++)
        good += status_of(CHILD({
            for (int k = 1; k < 200; k++)
                free(malloc(k * 31));
            FILE *f = fopen("/dev/null", "w");
            fprintf(f, "x"), fclose(f);
        })) == 0;
    say("%d of 30", good);
    return 0;
}
