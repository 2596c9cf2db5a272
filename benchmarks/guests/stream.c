/* stream BATCHES WRITES: a parent writes to a pipe, 64 KiB a call, and its child reads; after WRITES of them the child says that it
 * has all. Prints bytes a second of each batch. */
#define _GNU_SOURCE
#include <sys/wait.h>
#include <unistd.h>

#include "samples.h"

#define BLOCK 65536

static char block[BLOCK];

static void reader(int from, int to, long batch) {
    for (long left = batch;;) {
        ssize_t got = read(from, block, BLOCK);
        if (got <= 0) _exit(got < 0);
        if ((left -= got) > 0) continue;
        if (left < 0 || write(to, block, 1) != 1) _exit(1);
        left = batch;
    }
}

int main(int argc, char **argv) {
    int data[2], ready[2];
    if (argc != 3) return 2;
    long batches = atol(argv[1]), writes = atol(argv[2]);
    double *samples = calloc((size_t)batches, sizeof *samples);
    for (int i = 0; i < BLOCK; i++) block[i] = (char)i;
    if (pipe(data) || pipe(ready)) fail("pipe");
    pid_t child = fork();
    if (child < 0) fail("fork");
    if (child == 0) {
        close(data[1]);
        reader(data[0], ready[1], writes * BLOCK);
    }
    close(data[0]);
    for (long i = 0; i < batches; i++) {
        char byte;
        double start = now();
        for (long n = 0; n < writes; n++)
            if (write(data[1], block, BLOCK) != BLOCK) fail("write");
        if (read(ready[0], &byte, 1) != 1) fail("read");
        samples[i] = 1e9 * (double)writes * BLOCK / (now() - start);
    }
    close(data[1]);
    waitpid(child, NULL, 0);
    print_samples(samples, batches);
    return 0;
}
