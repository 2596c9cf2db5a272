/* switch BATCHES ROUNDS: two threads hand a token to and fro with futex(2).
 *
 * Prints a JSON list: nanoseconds from one thread to the other, averaged over each batch. */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static _Atomic unsigned turn;
static long rounds;

static void pass(unsigned mine) {
    for (long i = 0; i < rounds; i++) {
        while (atomic_load(&turn) != mine) syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, 1 - mine, NULL, NULL, 0);
        atomic_store(&turn, 1 - mine);
        syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    }
}

static void *other(void *unused) {
    pass(1);
    return unused;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return 1e9 * (double)time.tv_sec + (double)time.tv_nsec;
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    long batches = atol(argv[1]);
    rounds = atol(argv[2]);
    printf("[");
    for (long batch = 0; batch < batches; batch++) {
        pthread_t thread;
        double start = now();
        if (pthread_create(&thread, NULL, other, NULL)) return 3;
        pass(0);
        pthread_join(thread, NULL);
        printf("%s%.2f", batch ? ", " : "", (now() - start) / (2.0 * (double)rounds));
    }
    printf("]\n");
    return 0;
}
