/* A session with a judge, an innocent child and a hostile one, which knows where its own kernel keeps what it shares with the rest of the session:
 * the channel to the keeper, the memory of lent pipes and of shared mappings. It fills all of that with garbage, asks the keeper for nonsense behind its
 * kernel's back, and is killed. The judge says "fine" if the innocent one, files, pipes and new children are as they should be all the time. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* crates/abi/src/layout.rs: CHANNEL is SESSION_WINDOW, VOLUMES the direct map's VOLUME_GPA. */
#define CHANNEL 0xffffffff90400000UL
#define VOLUMES 0xffffc04000000000UL
#define PIECE ((4UL << 20) + 4096)
#define RING (4096 + (64 << 10))
#define SESSION_CALL 0x8c
/* crates/abi/src/session.rs: op::OWNER */
#define OWNER 0x30d

static uint64_t state;
static uint64_t next(void)
{
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return state;
}
static uint64_t below(uint64_t n) { return next() % n; }
static uint64_t odd(void)
{
    static const uint64_t edges[] = {0, 1, 2, 4095, 4096, 65536, 1UL << 31, 1UL << 32, 1UL << 63, -1UL, -4095UL, (1UL << 63) - 1, (1UL << 63) | 4096};
    return below(2) ? edges[below(sizeof edges / sizeof *edges)] : next() >> below(64);
}
static void fail(const char *what)
{
    printf("%s: %s\n", what, strerror(errno));
    exit(1);
}
#define NEED(what) ((what) ? (void)0 : fail(#what))

static sigjmp_buf again;
static void fault(int signal) { siglongjmp(again, signal); }

struct shared {
    pthread_mutex_t lock;
    uint32_t words[1000];
};

/* Half of them stay away from the keeper, which takes lent pipes back for whatever else it is asked. */
static int quiet;

static void act(struct shared *shared, int file, int socket)
{
    switch (below(12)) {
    case 0: case 1: /* the channel: notices, numbers of changes, requests, answers, data */
        for (int n = below(200); n; n--)
            *(volatile uint64_t *)(CHANNEL + 8 * below(below(2) ? 0x40000 : 512)) = odd();
        break;
    case 2: case 3: case 4: { /* indices of pipes' rings, futex words, and whatever else there is */
        uint64_t at = VOLUMES + PIECE * below(8);
        for (int n = below(20); n; n--)
            *(volatile uint64_t *)(at + (below(2) ? 64 * below(5) : 8 * below(RING / 8))) = odd();
        break;
    }
    case 5: case 6: case 7: { /* requests about descriptions and objects */
        if (quiet) break;
        static const uint32_t groups[] = {0x300, 0x320, 0x400, 0x420, 0x500};
        uint64_t at = CHANNEL + 0x10000;
        uint32_t operation = groups[below(5)] + below(0x18);
        if (operation == OWNER) break; /* with F_SETSIG any signal, SIGKILL too, for any process of the same user: as on Linux */
        *(volatile uint64_t *)at = operation | odd() << 32;
        for (int i = 1; i < 11; i++)
            *(volatile uint64_t *)(at + 8 * i) = below(2) ? below(20) : odd();
        for (int i = 0; i < 32; i++)
            *(volatile uint64_t *)(CHANNEL + 0x20000 + 8 * below(512)) = odd();
        __asm__ volatile("out %0, %w1" ::"a"((uint8_t)0), "d"(SESSION_CALL) : "memory");
        break;
    }
    case 8: /* anything at all as a request */
        *(volatile uint64_t *)(CHANNEL + 0x10000 + 8 * (1 + below(10))) = odd();
        break;
    case 9:
        for (int n = below(100); n; n--)
            ((volatile uint64_t *)shared)[below(sizeof *shared / 8)] = odd();
        break;
    case 10:
        if (quiet) break;
        if (pwrite(file, &state, 8, below(5000))) {}
        if (ftruncate(file, below(9000))) {}
        break;
    default:
        if (quiet) break;
        send(socket, &state, 1 + below(8), MSG_DONTWAIT);
    }
}

static void hostile(struct shared *shared, int file, int socket, int in, int out)
{
    char byte;
    for (int i = 0; i < 200; i++)
        if (read(in, &byte, 1) != 1 || write(out, &byte, 1) != 1) _exit(1);
    quiet = below(2);
    signal(SIGSEGV, fault), signal(SIGBUS, fault), signal(SIGFPE, fault), signal(SIGILL, fault), signal(SIGPIPE, SIG_IGN);
    sigsetjmp(again, 1);
    for (;;)
        act(shared, file, socket);
}

/* Whatever it is asked it answers rightly, until nobody asks. */
static void innocent(int in, int out, struct shared *own)
{
    uint64_t number;
    while (read(in, &number, sizeof number) == sizeof number) {
        pthread_mutex_lock(&own->lock);
        own->words[number % 1000]++;
        pthread_mutex_unlock(&own->lock);
        number = number * 3 + 1;
        if (write(out, &number, sizeof number) != sizeof number) _exit(2);
    }
    _exit(23);
}

static struct shared *memory(void)
{
    struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    NEED(shared != MAP_FAILED);
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes), pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&shared->lock, &attributes);
    return shared;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    state = strtoull(argv[1], NULL, 0) * 0x9e3779b97f4a7c15 | 1;
    double seconds = atof(argv[2]);
    setvbuf(stdout, NULL, _IOLBF, 0);
    int ask[2], answer[2], to[2], from[2], pair[2];
    /* What the hostile one has been given once is its own for good: it is born before the rest is made. */
    struct shared *spoilt = memory();
    NEED(!pipe(to) && !pipe(from) && !socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    int spoilt_file = open("/tmp/spoilt", O_CREAT | O_RDWR, 0600);
    NEED(spoilt_file >= 0);
    pid_t bad = fork();
    NEED(bad >= 0);
    if (!bad) {
        close(to[1]), close(from[0]), close(pair[0]);
        hostile(spoilt, spoilt_file, pair[1], to[0], from[1]);
    }
    close(to[0]), close(from[1]), close(pair[1]);
    struct shared *own = memory();
    NEED(!pipe(ask) && !pipe(answer));
    pid_t good = fork();
    NEED(good >= 0);
    if (!good) {
        close(ask[1]), close(answer[0]), close(to[1]), close(from[0]), close(pair[0]), close(spoilt_file);
        munmap(spoilt, sizeof *spoilt);
        innocent(ask[0], answer[1], own);
    }
    close(ask[0]), close(answer[1]);
    signal(SIGPIPE, SIG_IGN);
    uint64_t asked = 0, number;
    char bytes[65536] = {0};
    for (int i = 0; i < 200; i++) {
        NEED(write(to[1], bytes, 1) == 1 && read(from[0], bytes, 1) == 1);
        number = asked++;
        NEED(write(ask[1], &number, 8) == 8 && read(answer[0], &number, 8) == 8 && number == (asked - 1) * 3 + 1);
    }
    for (int i = 0; i < 2; i++)
        fcntl(i ? from[0] : to[1], F_SETFL, O_NONBLOCK);
    double end = now() + seconds;
    int status, rounds = 0;
    for (; now() < end; rounds++) {
        for (int i = 0; i < 50; i++) {
            number = asked++;
            NEED(write(ask[1], &number, 8) == 8 && read(answer[0], &number, 8) == 8);
            NEED(number == (asked - 1) * 3 + 1);
            /* What comes from the other is anything or nothing, and comes back at once. */
            ssize_t n = read(from[0], bytes, sizeof bytes);
            NEED(n <= (ssize_t)sizeof bytes);
            n = write(to[1], bytes, below(sizeof bytes));
            NEED(n <= (ssize_t)sizeof bytes);
            n = recv(pair[0], bytes, sizeof bytes, MSG_DONTWAIT);
            n = pread(spoilt_file, bytes, 4096, 0);
            NEED(n <= 4096);
        }
        struct timespec soon = {0, 1000};
        syscall(SYS_futex, spoilt->words, FUTEX_WAIT, spoilt->words[0], &soon, NULL, 0);
        syscall(SYS_futex, spoilt->words, FUTEX_REQUEUE, 1, 5, spoilt->words + 1, 0);
        /* A fork takes all lent pipes back, too. */
        if (rounds % 4 != 3) continue;
        pid_t child = fork();
        NEED(child >= 0);
        if (!child) _exit(rounds % 200);
        NEED(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == rounds % 200);
        int file = open("/tmp/own", O_CREAT | O_EXCL | O_RDWR, 0600);
        NEED(file >= 0 && write(file, "contents", 8) == 8 && pread(file, bytes, 100, 0) == 8 && !memcmp(bytes, "contents", 8));
        NEED(!close(file) && !unlink("/tmp/own"));
    }
    int over = waitpid(bad, &status, WNOHANG) == bad;
    if (!over) {
        NEED(!kill(bad, SIGKILL));
        NEED(waitpid(bad, &status, 0) == bad);
    }
    NEED(WIFEXITED(status) || WIFSIGNALED(status));
    /* Its pipe has an end, and whatever bytes. */
    fcntl(from[0], F_SETFL, 0);
    size_t rest = 0;
    for (ssize_t n; (n = read(from[0], bytes, sizeof bytes)) > 0;)
        rest += n;
    NEED(rest <= 8 * 65536);
    NEED(write(to[1], "x", 1) == -1 && errno == EPIPE);
    NEED(!ftruncate(spoilt_file, 0) && pwrite(spoilt_file, "as ever", 7, 0) == 7 && pread(spoilt_file, bytes, 100, 0) == 7 && !memcmp(bytes, "as ever", 7));
    NEED(!close(ask[1]) && waitpid(good, &status, 0) == good && WIFEXITED(status) && WEXITSTATUS(status) == 23);
    uint64_t sum = 0;
    for (int i = 0; i < 1000; i++)
        sum += own->words[i];
    NEED(sum == asked);
    NEED(wait(NULL) == -1 && errno == ECHILD);
    printf("fine after %d rounds, %s\n", rounds, over ? "it died" : "it was killed");
    return 0;
}
