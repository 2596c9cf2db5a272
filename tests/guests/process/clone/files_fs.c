// CLONE_FILES and CLONE_FS between processes: one descriptor table, one working directory; unshare and exec end it.
// optional: the VM may refuse to share a table between two VMs
#include "process.h"
#include <sched.h>
int main(void)
{
    put_file("f", "abc", 3);
    mkdir("d", 0755);
    int fd = open("f", O_RDONLY);
    long pid = syscall(SYS_clone, SIGCHLD | CLONE_FILES | CLONE_FS, 0, 0, 0, 0);
    if (pid < 0 && (errno == EINVAL || errno == ENOSYS)) {
        say("absent");
        return 0;
    }
    if (pid == 0) {
        close(fd);
        chdir("d"), umask(077);
        dup2(1, 50);
        _exit(0);
    }
    reap("child", pid);
    RET(fcntl(fd, F_GETFD));
    RET(fcntl(50, F_GETFD));
    char path[4096];
    YES(!strcmp(strrchr(getcwd(path, sizeof path), '/'), "/d"));
    say("umask %03o", umask(0));
    pid = syscall(SYS_clone, SIGCHLD | CLONE_FILES | CLONE_FS, 0, 0, 0, 0);
    if (pid == 0) {
        RET(unshare(CLONE_FILES | CLONE_FS));
        close(50);
        chdir("/");
        _exit(0);
    }
    reap("child", pid);
    RET(fcntl(50, F_GETFD));
    YES(!strcmp(strrchr(getcwd(path, sizeof path), '/'), "/d"));
    return 0;
}
