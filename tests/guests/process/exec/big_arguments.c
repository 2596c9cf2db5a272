// Arguments and environment: one string too long, all together too long, and what still fits.
#include "process.h"
static int run(size_t length, int count)
{
    pid_t child = fork();
    if (!child) {
        char *text = malloc(length + 1), **argv = calloc(count + 5, sizeof *argv), *env[] = {NULL};
        memset(text, 'a', length), text[length] = 0;
        argv[0] = "sh", argv[1] = "-c", argv[2] = "echo $# ${#1}";
        for (int i = 0; i < count; i++)
            argv[3 + i] = text;
        execve("/bin/sh", argv, env);
        say("%zu times %d: %s", length, count, error_name(errno));
        _exit(1);
    }
    return status_of(child);
}
int main(void)
{
    say("%s", status_name(run(100, 1000)));
    say("%s", status_name(run(131071, 2)));
    say("%s", status_name(run(131072, 2)));
    say("%s", status_name(run(100000, 19)));
    say("%s", status_name(run(100000, 22)));
    struct rlimit limit = {1 << 20, 8 << 20};
    setrlimit(RLIMIT_STACK, &limit);
    say("%s", status_name(run(100000, 2)));
    say("%s", status_name(run(100000, 4)));
    return 0;
}
