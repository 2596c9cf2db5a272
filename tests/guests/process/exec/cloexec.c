// Close-on-exec in all the ways to set it, seen by the program that follows.
#include "process.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <linux/close_range.h>
int main(void)
{
    int fd[2], plain = open("/dev/null", O_RDONLY), marked = open("/dev/null", O_RDONLY | O_CLOEXEC);
    dup2(plain, 20), dup2(marked, 21);
    fcntl(plain, F_DUPFD, 22), fcntl(plain, F_DUPFD_CLOEXEC, 23);
    dup3(plain, 24, O_CLOEXEC);
    dup2(plain, 25), fcntl(25, F_SETFD, FD_CLOEXEC);
    dup2(marked, 26), fcntl(26, F_SETFD, 0);
    pipe2(fd, O_CLOEXEC), dup2(fd[0], 27), close(fd[0]), close(fd[1]);
    for (int i = 30; i < 40; i++)
        dup2(plain, i);
    RET(syscall(SYS_close_range, 32, 35, CLOSE_RANGE_CLOEXEC));
    RET(syscall(SYS_close_range, 37, 37, 0));
    close(epoll_create1(EPOLL_CLOEXEC)), close(eventfd(0, EFD_CLOEXEC));
    close(plain), close(marked);
    reap("list", CHILD(execl("/bin/sh", "sh", "-c", "for n in 3 4 5 6 20 21 22 23 24 25 26 27 30 31 32 33 34 35 36 37 38 39; do "
        "test -e /proc/$$/fd/$n && printf '%s ' $n; done; echo", NULL)));
    return 0;
}
