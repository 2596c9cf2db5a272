/* elapsed COMMAND ARG...: runs the command, its standard output thrown away; how long it took from just before vfork(2) until it
 * had been waited for. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "samples.h"

int main(int argc, char **argv) {
    int status;
    double sample;
    if (argc < 2) return 2;
    double start = now();
    pid_t child = vfork();
    if (child == 0) {
        int null = open("/dev/null", O_WRONLY);
        if (null >= 0) dup2(null, 1);
        execvp(argv[1], argv + 1);
        _exit(127);
    }
    if (child < 0) fail("vfork");
    if (waitpid(child, &status, 0) != child) fail("waitpid");
    sample = now() - start;
    if (status) {
        fprintf(stderr, "%s ended with status %#x\n", argv[1], status);
        return 1;
    }
    print_samples(&sample, 1);
    return 0;
}
