/* spawns COUNT COMMAND ARG...: posix_spawn(3) of the command and waiting for it, COUNT times. */
#define _GNU_SOURCE
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "samples.h"

extern char **environ;

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    long count = atol(argv[1]);
    double *samples = calloc((size_t)count, sizeof *samples);
    for (long i = 0; i < count; i++) {
        pid_t child;
        int status;
        double start = now();
        int error = posix_spawn(&child, argv[2], NULL, NULL, argv + 2, environ);
        if (error) {
            fprintf(stderr, "posix_spawn: %s\n", strerror(error));
            return 1;
        }
        if (waitpid(child, &status, 0) != child) fail("waitpid");
        samples[i] = now() - start;
        if (status) {
            fprintf(stderr, "%s ended with status %#x\n", argv[2], status);
            return 1;
        }
    }
    print_samples(samples, count);
    return 0;
}
