// Many threads pass fresh sites for the first time at the same moment.
#include "guest.h"
#define SITES 400
static unsigned char *code;
static pthread_barrier_t barrier;
static void *work(void *unused)
{
    long wrong = 0, pid = getpid();
    (void)unused;
    for (int round = 0; round < 4; round++) {
        pthread_barrier_wait(&barrier);
        for (int i = 0; i < SITES / 4; i++)
            for (int n = 0; n < 3; n++)
                wrong += ((long (*)(void))(code + (round * (SITES / 4) + i) * 10))() != pid;
    }
    return (void *)wrong;
}
int main(void)
{
    code = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < SITES; i++)
        memcpy(code + i * 10, "\xb8\x27\0\0\0\x0f\x05\xc3\x90\x90", 10);
    mprotect(code, 2 * PAGE, PROT_READ | PROT_EXEC);
    pthread_t t[8];
    pthread_barrier_init(&barrier, 0, 8);
    for (int i = 0; i < 8; i++)
        pthread_create(&t[i], 0, work, 0);
    long wrong = 0;
    for (int i = 0; i < 8; i++) {
        void *r;
        pthread_join(t[i], &r);
        wrong += (long)r;
    }
    say("%ld wrong", wrong);
    return 0;
}
