// Every kind of system call keeps all vector, mask and x87 registers, mxcsr and the flags.
#include "vector.h"
#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/epoll.h>
static char buffer[65536];
static int futex_word;
static void *other(void *unused)
{
    (void)unused;
    int level = vector_level();
    for (int i = 0; i < 400; i++) {
        scramble_vectors(level);
        sched_yield();
        if (i % 20 == 0) {
            futex_word = i;
            syscall(SYS_futex, &futex_word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1);
            sleep_ms(1);
        }
    }
    return NULL;
}
int main(void)
{
    int level = vector_level(), pipes[2], wrong = 0, runs = 0;
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
    int event = eventfd(1, 0), epoll = epoll_create1(0), zero = open("/dev/zero", O_RDONLY);
    pipe(pipes);
    struct timespec ms = {0, 1000000}, ts[2];
    pthread_t t;
    pthread_create(&t, 0, other, 0);
    char *area = mmap(0, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct stat st;
    struct epoll_event ev;
    sigset_t set;
    sigemptyset(&set);
    struct action calls[] = {
        {SYS_getpid}, {SYS_getppid}, {SYS_getuid}, {9999}, {SYS_read, {-1, 0, 0}}, {SYS_sched_yield},
        {SYS_write, {fd, (long)buffer, 60000}}, {SYS_pread64, {fd, (long)buffer, 60000, 0}},
        {SYS_read, {zero, (long)buffer, 65536}}, {SYS_write, {pipes[1], (long)buffer, 4000}},
        {SYS_read, {pipes[0], (long)buffer, 4000}}, {SYS_write, {event, (long)"\1\0\0\0\0\0\0\0", 8}},
        {SYS_fstat, {fd, (long)&st}}, {SYS_getcwd, {(long)buffer, 1000}}, {SYS_nanosleep, {(long)&ms, 0}},
        {SYS_clock_gettime, {CLOCK_MONOTONIC, (long)ts}}, {SYS_clock_gettime, {CLOCK_MONOTONIC, 8}},
        {SYS_getrandom, {(long)buffer, 5000, 0}}, {SYS_mmap, {0, 64 * PAGE, 3, 0x22, -1, 0}},
        {SYS_mprotect, {(long)area, PAGE, PROT_READ}}, {SYS_madvise, {(long)area, 16 * PAGE, MADV_DONTNEED}},
        {SYS_brk, {0}}, {SYS_epoll_wait, {epoll, (long)&ev, 1, 2}}, {SYS_poll, {0, 0, 2}},
        {SYS_futex, {(long)&futex_word, 128, 0, (long)&ms}}, {SYS_openat, {AT_FDCWD, (long)"/proc/self/maps", O_RDONLY}},
        {SYS_rt_sigprocmask, {SIG_BLOCK, (long)&set, 0, 8}}, {SYS_ftruncate, {fd, 123}}, {SYS_uname, {(long)buffer}},
        {SYS_rt_sigtimedwait, {(long)&set, 0, (long)&ms, 8}}, {SYS_mkdirat, {AT_FDCWD, (long)"d", 0755}},
        {SYS_sendfile, {event, fd, 0, 10}}, {SYS_sysinfo, {(long)buffer}}, {SYS_arch_prctl, {0x1003, (long)buffer}},
    };
    for (int round = 0; round < 30; round++) {
        for (size_t i = 0; i < COUNT(calls); i++) {
            struct vectors in, out;
            fill_vectors(&in, round * 100 + i);
            with_vectors(&in, &out, &calls[i], level);
            int bad = compare_vectors(&in, &out, level, true);
            if (bad && wrong < 10)
                say("call %ld: %d registers wrong", calls[i].number, bad);
            wrong += bad != 0;
            runs++;
            if (calls[i].number == SYS_mmap)
                munmap((void *)calls[i].result, 64 * PAGE);
            if (calls[i].number == SYS_openat)
                close((int)calls[i].result);
        }
    }
    pthread_join(t, 0);
    say("%d calls, %d wrong", runs, wrong);
    return 0;
}
