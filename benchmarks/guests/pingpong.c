/* pingpong KIND COUNT: a byte (or a futex's word) to a child and back, COUNT times. KIND: pipe, socketpair or futex. */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "samples.h"

/* Who may go on: 0 the parent, 1 the child. */
static _Atomic unsigned *turn;
static int there[2], back[2];

static void hand(unsigned mine) {
    atomic_store(turn, 1 - mine);
    if (syscall(SYS_futex, turn, FUTEX_WAKE, 1, NULL, NULL, 0) < 0) fail("FUTEX_WAKE");
    while (atomic_load(turn) != mine) syscall(SYS_futex, turn, FUTEX_WAIT, 1 - mine, NULL, NULL, 0);
}

static void futex_child(void) {
    while (atomic_load(turn) != 1) syscall(SYS_futex, turn, FUTEX_WAIT, 0, NULL, NULL, 0);
    for (;;) hand(1);
}

static void byte_child(void) {
    char byte;
    while (read(there[0], &byte, 1) == 1)
        if (write(back[1], &byte, 1) != 1) _exit(1);
    _exit(0);
}

static void byte(void) {
    char byte = 'x';
    if (write(there[1], &byte, 1) != 1) fail("write");
    if (read(back[0], &byte, 1) != 1) fail("read");
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    int futex = !strcmp(argv[1], "futex"), sockets[2];
    long count = atol(argv[2]);
    double *samples = calloc((size_t)count, sizeof *samples);
    if (futex) {
        turn = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (turn == MAP_FAILED) fail("mmap");
    } else if (!strcmp(argv[1], "socketpair")) {
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets)) fail("socketpair");
        there[1] = back[0] = sockets[0];
        there[0] = back[1] = sockets[1];
    } else if (pipe(there) || pipe(back)) {
        fail("pipe");
    }
    pid_t child = fork();
    if (child < 0) fail("fork");
    if (child == 0) {
        if (futex) futex_child();
        if (there[1] != back[0]) {
            close(there[1]);
            close(back[0]);
        }
        byte_child();
    }
    if (!futex && there[1] != back[0]) {
        close(there[0]);
        close(back[1]);
    }
    for (long i = 0; i < count; i++) {
        double start = now();
        if (futex)
            hand(0);
        else
            byte();
        samples[i] = now() - start;
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    print_samples(samples, count);
    return 0;
}
