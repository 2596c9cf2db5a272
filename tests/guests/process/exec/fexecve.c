// fexecve and execveat: by descriptor, relative to a directory, a deleted program, a script by a close-on-exec descriptor.
#include "process.h"
static char *argv[] = {"echo", "run", NULL}, *env[] = {NULL};
static void copy(const char *from, const char *to)
{
    static char b[2000000];
    int in = open(from, O_RDONLY);
    long n = read(in, b, sizeof b);
    put_file(to, b, n);
    chmod(to, 0755);
    close(in);
}
int main(void)
{
    copy("/bin/echo", "program");
    put_file("script", "#!/bin/sh\necho script $1\n", 25), chmod("script", 0755);
    int dir = open(".", O_RDONLY | O_DIRECTORY), fd = open("program", O_RDONLY | O_CLOEXEC), path = open("program", O_PATH);
    int script = open("script", O_RDONLY | O_CLOEXEC), open_script = open("script", O_RDONLY);
    reap("fexecve", CHILD(fexecve(fd, argv, env)));
    reap("O_PATH", CHILD(syscall(SYS_execveat, path, "", argv, env, AT_EMPTY_PATH)));
    reap("relative", CHILD(syscall(SYS_execveat, dir, "program", argv, env, 0)));
    reap("script", CHILD(fexecve(open_script, argv, env)));
    reap("script, closed on exec", CHILD(fexecve(script, argv, env); say("%s", error_name(errno))));
    reap("no path", CHILD(syscall(SYS_execveat, fd, "", argv, env, 0); say("%s", error_name(errno))));
    reap("directory", CHILD(syscall(SYS_execveat, dir, "", argv, env, AT_EMPTY_PATH); say("%s", error_name(errno))));
    unlink("program");
    reap("deleted", CHILD(fexecve(fd, argv, env)));
    return 0;
}
