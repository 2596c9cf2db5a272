// The allocator under load from several threads, contents checked.
// variants: static musl pie
#include "guest.h"
#define SLOTS 400
static void *work(void *argument)
{
    unsigned seed = (unsigned)(long)argument * 7919 + 1;
    struct {
        unsigned char *p;
        size_t n;
        unsigned char v;
    } slot[SLOTS] = {0};
    long bad = 0;
    for (int i = 0; i < 12000; i++) {
        seed = seed * 1103515245 + 12345;
        int k = (seed >> 16) % SLOTS;
        if (slot[k].p) {
            for (size_t j = 0; j < slot[k].n; j += 97)
                bad += slot[k].p[j] != slot[k].v;
        }
        seed = seed * 1103515245 + 12345;
        size_t n = (seed >> 16) % 100 == 0 ? 200000 + (seed >> 12) % 300000 : (seed >> 16) % 3000 + 1;
        if ((seed >> 8) % 3 == 0) {
            free(slot[k].p);
            slot[k].p = NULL;
        } else {
            slot[k].p = realloc(slot[k].p, n);
            if (!slot[k].p)
                return (void *)-1l;
            slot[k].n = n, slot[k].v = (unsigned char)i;
            memset(slot[k].p, slot[k].v, n);
        }
    }
    for (int k = 0; k < SLOTS; k++)
        free(slot[k].p);
    return (void *)bad;
}
int main(void)
{
    pthread_t t[4];
    for (long i = 0; i < 4; i++)
        pthread_create(&t[i], 0, work, (void *)i);
    for (int i = 0; i < 4; i++) {
        void *bad;
        pthread_join(t[i], &bad);
        say("thread %d: %ld bad", i, (long)bad);
    }
    return 0;
}
