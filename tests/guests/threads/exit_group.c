// exit from a thread ends all, with its status, while others compute, sleep and block.
// variants: static musl
#include "guest.h"
static void *spin(void *unused) { (void)unused; for (;;) __asm__ volatile(""); return NULL; }
static void *block(void *unused)
{
    int pipes[2];
    char c;
    (void)unused;
    pipe(pipes);
    read(pipes[0], &c, 1);
    return NULL;
}
static void *sleeper(void *unused) { (void)unused; sleep(1000); return NULL; }
static void at_exit(void) { say("atexit ran"); }
static void *end(void *unused)
{
    (void)unused;
    sleep_ms(20);
    say("ending");
    exit(42);
}
int main(void)
{
    pthread_t t;
    atexit(at_exit);
    for (int i = 0; i < 3; i++)
        pthread_create(&t, 0, spin, 0), pthread_create(&t, 0, block, 0), pthread_create(&t, 0, sleeper, 0);
    pthread_create(&t, 0, end, 0);
    for (;;)
        pause();
}
