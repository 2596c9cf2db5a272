/* The time stamp counter and how fast it counts. */
#include <stdint.h>
#include <time.h>

static inline uint64_t read_tsc(void) {
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

static inline double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Ticks per second, measured over 50 ms. */
static inline double measure_tsc(void) {
    double start = seconds(), end;
    uint64_t first = read_tsc(), last;
    do {
        end = seconds();
        last = read_tsc();
    } while (end - start < 0.05);
    return (double)(last - first) / (end - start);
}
