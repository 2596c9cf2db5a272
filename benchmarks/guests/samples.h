/* Samples of a guest program, on the guest's own CLOCK_MONOTONIC, printed as one JSON list of nanoseconds. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return 1e9 * (double)time.tv_sec + (double)time.tv_nsec;
}

static inline void print_samples(const double *samples, long count) {
    printf("[");
    for (long i = 0; i < count; i++) printf("%s%.1f", i ? ", " : "", samples[i]);
    printf("]\n");
}

static inline void fail(const char *what) {
    perror(what);
    exit(1);
}
