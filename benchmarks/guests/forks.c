/* forks MODE COUNT [MIB PAGES]: what fork(2) costs. PAGES of the MIB that the parent has written: 4k, 2m or as-is (no advice).
 *
 *   parent        fork() as the parent sees it, COUNT times; each child ends at once and has been waited for before the next
 *   child         from just before fork() to the child's first look at the clock
 *   wait          fork, the child ends, wait
 *   again         [first, second]: the second after the first child, during whose life the parent wrote to each 2 MiB, was
 *                 waited for and COUNT milliseconds have passed
 *   generations   ten values: the median of COUNT of `wait` in the first process, in a child of it, in a child of that ... */
#define _GNU_SOURCE
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "samples.h"

#define HUGE (2ul << 20)
#define GENERATIONS 10

static char *memory;
static size_t size;

static void fill(long mib, const char *pages) {
    size = (size_t)mib << 20;
    if (!size) return;
    char *area = mmap(NULL, size + HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (area == MAP_FAILED) fail("mmap");
    memory = (char *)(((size_t)area + HUGE - 1) & -HUGE);
    if (strcmp(pages, "as-is") && madvise(memory, size, strcmp(pages, "2m") ? MADV_NOHUGEPAGE : MADV_HUGEPAGE))
        fail("madvise");
    for (size_t at = 0; at < size; at += 4096) memory[at] = (char)(1 + at / 4096);
}

static void reap(pid_t child) {
    int status;
    if (waitpid(child, &status, 0) != child) fail("waitpid");
    if (status && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)) {
        fprintf(stderr, "a child ended with status %#x\n", status);
        exit(1);
    }
}

static double parent(void) {
    double start = now();
    pid_t child = fork();
    if (child == 0) _exit(0);
    double end = now();
    if (child < 0) fail("fork");
    reap(child);
    return end - start;
}

static double whole(void) {
    double start = now();
    pid_t child = fork();
    if (child == 0) _exit(0);
    if (child < 0) fail("fork");
    reap(child);
    return now() - start;
}

static double child(void) {
    int ends[2];
    double first, start;
    if (pipe(ends)) fail("pipe");
    start = now();
    pid_t child = fork();
    if (child == 0) {
        first = now();
        _exit(write(ends[1], &first, sizeof first) != sizeof first);
    }
    if (child < 0) fail("fork");
    if (read(ends[0], &first, sizeof first) != sizeof first) fail("read");
    close(ends[0]);
    close(ends[1]);
    reap(child);
    return first - start;
}

static void again(double *samples, long pause) {
    double start = now();
    pid_t child = fork();
    if (child == 0) {
        for (;;) sigsuspend(&(sigset_t){{0}});
    }
    samples[0] = now() - start;
    if (child < 0) fail("fork");
    for (size_t at = 0; at < size; at += HUGE) memory[at + 4096]++;
    kill(child, SIGKILL);
    reap(child);
    usleep((useconds_t)pause * 1000);
    samples[1] = parent();
}

static int compare(const void *a, const void *b) {
    double first = *(const double *)a, second = *(const double *)b;
    return (first > second) - (first < second);
}

static void generations(double *medians, long count) {
    double samples[64];
    int ends[2];
    if (count > 64 || pipe(ends)) fail("pipe");
    for (int generation = 0;; generation++) {
        for (long i = 0; i < count; i++) samples[i] = whole();
        qsort(samples, (size_t)count, sizeof *samples, compare);
        if (write(ends[1], &samples[count / 2], sizeof *samples) != sizeof *samples) fail("write");
        if (generation == GENERATIONS - 1) _exit(0);
        pid_t next = fork();
        if (next < 0) fail("fork");
        if (next == 0) continue;
        reap(next);
        if (generation) _exit(0);
        break;
    }
    for (int i = 0; i < GENERATIONS; i++)
        if (read(ends[0], &medians[i], sizeof *medians) != sizeof *medians) fail("read");
}

int main(int argc, char **argv) {
    if (argc != 3 && argc != 5) return 2;
    const char *mode = argv[1];
    long count = atol(argv[2]);
    double *samples = calloc((size_t)count + GENERATIONS, sizeof *samples);
    if (argc == 5) fill(atol(argv[3]), argv[4]);
    if (!strcmp(mode, "again")) {
        again(samples, count);
        count = 2;
    } else if (!strcmp(mode, "generations")) {
        generations(samples, count);
        count = GENERATIONS;
    } else {
        for (long i = 0; i < count; i++) samples[i] = *mode == 'p' ? parent() : *mode == 'c' ? child() : whole();
    }
    print_samples(samples, count);
    return 0;
}
