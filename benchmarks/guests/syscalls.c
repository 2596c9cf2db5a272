/* syscalls CALL FILE BATCHES CALLS: time of one system call, in nanoseconds, averaged over each batch.
 *
 * Prints a JSON list with one number a batch. The calls go through the C library, as programs' calls do. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static int file;
static char buffer[1024];

static void call_getppid(void) { getppid(); }

static void call_read_1k(void) {
    if (pread(file, buffer, sizeof buffer, 4096) != sizeof buffer) exit(3);
}

static void call_clock_gettime(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
}

static void call_mmap_64k(void) {
    char *memory = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) exit(3);
    for (size_t at = 0; at < 65536; at += 4096) memory[at] = 1;
    munmap(memory, 65536);
}

static const struct {
    const char *name;
    void (*call)(void);
} calls[] = {{"getppid", call_getppid},
             {"read_1k", call_read_1k},
             {"clock_gettime", call_clock_gettime},
             {"mmap_64k", call_mmap_64k}};

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return 1e9 * (double)time.tv_sec + (double)time.tv_nsec;
}

int main(int argc, char **argv) {
    if (argc != 5 || (file = open(argv[2], O_RDONLY)) < 0) return 2;
    long batches = atol(argv[3]), count = atol(argv[4]);
    for (size_t which = 0; which < sizeof calls / sizeof *calls; which++) {
        if (strcmp(calls[which].name, argv[1])) continue;
        for (long i = 0; i < count / 4 + 1; i++) calls[which].call();
        printf("[");
        for (long batch = 0; batch < batches; batch++) {
            double start = now();
            for (long i = 0; i < count; i++) calls[which].call();
            printf("%s%.4f", batch ? ", " : "", (now() - start) / (double)count);
        }
        printf("]\n");
        return 0;
    }
    return 2;
}
