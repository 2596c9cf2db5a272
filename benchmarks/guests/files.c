/* files MODE DIRECTORY COUNT: calls on files of a memory file system.
 *
 *   write         write(2) of 4 KiB to a file of 1 MiB that a child, which does nothing, holds as well; each sample is the average of 16
 *   private       create, close and unlink, before any fork
 *   shared        the same while there is a child, which does nothing */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "samples.h"

#define BATCH 16

static char block[4096], path[4096];

static pid_t idle_child(void) {
    pid_t child = fork();
    if (child < 0) fail("fork");
    if (child == 0)
        for (;;) sigsuspend(&(sigset_t){{0}});
    return child;
}

static void create_unlink(double *samples, long count) {
    for (long i = 0; i < count; i++) {
        double start = now();
        int fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);
        if (fd < 0) fail("open");
        close(fd);
        if (unlink(path)) fail("unlink");
        samples[i] = now() - start;
    }
}

static void write_blocks(double *samples, long count, int fd) {
    for (long i = 0; i < count; i++) {
        if (i * BATCH % 256 == 0 && lseek(fd, 0, SEEK_SET)) fail("lseek");
        double start = now();
        for (int n = 0; n < BATCH; n++)
            if (write(fd, block, sizeof block) != sizeof block) fail("write");
        samples[i] = (now() - start) / BATCH;
    }
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    long count = atol(argv[3]);
    double *samples = calloc((size_t)count, sizeof *samples);
    pid_t child = 0;
    memset(block, 'b', sizeof block);
    snprintf(path, sizeof path, "%s/bench-file", argv[2]);
    if (!strcmp(argv[1], "write")) {
        int fd = open(path, O_CREAT | O_TRUNC | O_RDWR, 0600);
        if (fd < 0) fail("open");
        child = idle_child();
        write_blocks(samples, count, fd);
        unlink(path);
    } else {
        if (!strcmp(argv[1], "shared")) child = idle_child();
        create_unlink(samples, count);
    }
    if (child) {
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    print_samples(samples, count);
    return 0;
}
