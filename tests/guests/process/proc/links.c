// /proc/<pid>/fd, exe, cwd, root, cmdline, environ, comm of another process.
#include "process.h"
#include <dirent.h>
static void link_of(pid_t pid, const char *name)
{
    char path[60], target[4096] = {0};
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    long n = readlink(path, target, sizeof target - 1);
    char *last = strrchr(target, '/');
    say("%s: %s", name, n < 0 ? error_name(errno) : last && last[1] ? last + 1 : target);
}
static void text_of(pid_t pid, const char *name)
{
    char path[60], text[500] = {0};
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    int fd = open(path, O_RDONLY);
    long n = read(fd, text, 499);
    for (long i = 0; i < n; i++)
        if (text[i] == 0 || text[i] == '\n')
            text[i] = '|';
    say("%s: %s", name, n < 0 ? error_name(errno) : text);
}
int main(void)
{
    mkdir("dir", 0755);
    put_file("file", "abc", 3);
    int fd[2];
    pipe2(fd, O_CLOEXEC);
    pid_t child = CHILD({
        chdir("dir");
        dup2(open("../file", O_RDONLY), 20);
        dup2(fd[0], 0);
        char *argv[] = {"cat", "-", "two words", NULL};
        char *env[] = {"A=1", "B=2", NULL};
        execve("/bin/cat", argv, env);
    });
    char path[60];
    snprintf(path, sizeof path, "/proc/%d/comm", child);
    for (int i = 0; i < 2000; i++) {
        char comm[20] = {0};
        int f = open(path, O_RDONLY);
        read(f, comm, 19);
        close(f);
        if (!strcmp(comm, "cat\n"))
            break;
        sleep_ms(1);
    }
    settle(child);
    link_of(child, "exe"), link_of(child, "cwd"), link_of(child, "root"), link_of(child, "fd/20"), link_of(child, "fd/21");
    text_of(child, "cmdline"), text_of(child, "environ"), text_of(child, "comm");
    unlink("file");
    link_of(child, "fd/20");
    snprintf(path, sizeof path, "/proc/%d/fd/20", child);
    int again = open(path, O_RDONLY);
    char b[4] = {0};
    read(again, b, 3);
    say("opened: %s", b);
    close(fd[0]), close(fd[1]);
    reap("cat", child);
    link_of(child, "exe");
    return 0;
}
