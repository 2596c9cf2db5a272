// Working directory: chdir, fchdir, getcwd, relative paths, the *at calls.
// variants: static musl
// users: root nobody
#include "guest.h"
int main(void)
{
    char start[PATH_MAX], now[PATH_MAX];
    MUST(getcwd(start, sizeof start) ? 0 : -1);
    mkdir("d", 0755), mkdir("d/e", 0700), put_file("d/f", "", 0);
    RET(chdir("d/e"));
    MUST(getcwd(now, sizeof now) ? 0 : -1);
    say("inside: %s", now + strlen(start));
    RET(access("../f", F_OK));
    RET(chdir("../f"));
    RET(chdir("none"));
    RET(chdir(""));
    RET(chdir((char *)8));
    int fd = MUST(open("..", O_RDONLY | O_DIRECTORY));
    int file = MUST(open("../f", O_RDONLY));
    RET(fchdir(fd));
    RET(access("f", F_OK));
    RET(fchdir(file));
    RET(fchdir(99));
    RET(faccessat(fd, "e", F_OK, 0));
    RET(faccessat(file, "e", F_OK, 0));
    RET(mkdirat(fd, "g", 0755));
    RET(symlinkat("f", fd, "s"));
    RET(renameat(fd, "g", fd, "h"));
    RET(unlinkat(fd, "h", AT_REMOVEDIR));
    RET(chdir("/"));
    RET(openat(fd, "f", O_RDONLY) >= 0);
    RET(chdir("/../../.."));
    MUST(getcwd(now, sizeof now) ? 0 : -1);
    say("%s", now);
    RET(syscall(SYS_getcwd, now, 2));
    RET(syscall(SYS_getcwd, now, 1));
    RET(syscall(SYS_getcwd, (void *)8, 100));
    RET(chdir(start));
    // Another process's view: through /proc.
    long n = readlink("/proc/self/cwd", now, sizeof now - 1);
    now[n > 0 ? n : 0] = 0;
    YES(!strcmp(now, start));
    RET(access("/proc/self/cwd/d/f", F_OK));
    return 0;
}
