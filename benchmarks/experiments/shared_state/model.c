#include "model.h"

#include <linux/futex.h>
#include <sys/syscall.h>

struct costs costs = {.exit_ns = 75000, .doorbell_ns = 2900, .poll_ns = 0};
int self = -1;
int64_t crash_countdown = INT64_MAX;
struct oracle *oracle;
const int pipe_holder[PIPES][2] = {{1, 0}, {0, 1}};

uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void spin_ns(uint64_t ns) {
    if (ns == 0) return;
    for (uint64_t end = now_ns() + ns; now_ns() < end;) __builtin_ia32_pause();
}

void half_exit(void) { spin_ns(costs.exit_ns / 2); }

void fail(const char *format, ...) {
    va_list list;
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fprintf(stderr, " (%s)\n", strerror(errno));
    exit(1);
}

void *session_memory(size_t bytes) {
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) fail("mmap of %zu bytes", bytes);
    return memory;
}

void sleep_at(struct sleeper *sleeper, uint32_t sequence, _Atomic uint32_t *word, uint32_t expected) {
    if (costs.poll_ns) {
        for (uint64_t end = now_ns() + costs.poll_ns; now_ns() < end; __builtin_ia32_pause())
            if (atomic_load(word) != expected || atomic_load(&sleeper->sequence) != sequence) return;
    }
    atomic_store(&sleeper->waiting, 1);
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load(word) != expected) return;
    half_exit();
    syscall(SYS_futex, &sleeper->sequence, FUTEX_WAIT, sequence, NULL, NULL, 0);
    half_exit();
}

void wake_always(struct sleeper *sleeper) {
    atomic_store(&sleeper->waiting, 0);
    atomic_fetch_add(&sleeper->sequence, 1);
    syscall(SYS_futex, &sleeper->sequence, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

void wake_at(struct sleeper *sleeper) {
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&sleeper->waiting, memory_order_relaxed) == 0) return;
    spin_ns(costs.doorbell_ns);
    wake_always(sleeper);
}
