// dup, dup2, dup3, fcntl, close, close_range, lowest number, close-on-exec flag, limits.
// variants: static musl
#include "guest.h"
#include <sys/resource.h>
int main(void)
{
    int fd = MUST(open("f", O_CREAT | O_RDWR | O_CLOEXEC, 0644));
    RET(fd);
    RET(fcntl(fd, F_GETFD));
    RET(dup(fd));
    RET(fcntl(4, F_GETFD));
    RET(dup2(fd, 10));
    RET(dup2(fd, fd));
    RET(dup2(99, 5));
    RET(dup2(99, 99));
    RET(dup2(fd, -1));
    RET(dup2(fd, 1000000));
    RET(dup3(fd, fd, 0));
    RET(dup3(fd, 11, O_CLOEXEC));
    RET(fcntl(11, F_GETFD));
    RET(dup3(fd, 12, O_RDONLY | 1));
    RET(fcntl(fd, F_DUPFD, 20));
    RET(fcntl(fd, F_DUPFD, 20));
    RET(fcntl(fd, F_DUPFD_CLOEXEC, 0));
    RET(fcntl(5, F_GETFD));
    RET(fcntl(fd, F_DUPFD, -1));
    RET(fcntl(fd, F_DUPFD, 1000000));
    RET(fcntl(fd, F_SETFD, 0));
    RET(fcntl(fd, F_GETFD));
    RET(fcntl(fd, F_SETFD, FD_CLOEXEC | 0x10));
    RET(fcntl(fd, F_GETFD));
    RET(fcntl(fd, 9999));
    RET(fcntl(77, F_GETFD));
    RET(close(4));
    RET(close(4));
    RET(close(-1));
    RET(open("f", O_RDONLY));
    RET(syscall(SYS_close_range, 20, 10, 0));
    RET(syscall(SYS_close_range, 10, 11, 0));
    RET(fcntl(10, F_GETFD));
    RET(syscall(SYS_close_range, 15, ~0u, 4 /* CLOSE_RANGE_CLOEXEC */));
    RET(fcntl(20, F_GETFD));
    RET(fcntl(21, F_GETFD));
    RET(syscall(SYS_close_range, 0, 5, 0x40));
    RET(syscall(SYS_close_range, 15, ~0u, 0));
    RET(fcntl(20, F_GETFD));
    // Status flags are the open file description's.
    int copy = dup(fd);
    RET(fcntl(fd, F_SETFL, O_NONBLOCK | O_APPEND | O_CREAT | O_WRONLY));
    RET(fcntl(copy, F_GETFL) & ~O_LARGEFILE & ~0x8000);
    int wr = open("f", O_WRONLY | O_DSYNC);
    RET(fcntl(wr, F_GETFL) & ~0x8000);
    RET(fcntl(open("f", O_RDONLY | O_DIRECTORY), F_GETFL));
    // The limit counts: numbers below it only.
    struct rlimit limit = {30, 1024};
    RET(setrlimit(RLIMIT_NOFILE, &limit));
    int n = 0, last = -1, r;
    while ((r = dup(0)) >= 0)
        n++, last = r;
    say("last %d then %s", last, error_name(errno));
    RET(open("f", O_RDONLY));
    RET(dup2(0, 30));
    RET(dup2(0, 29));
    int pipes[2];
    close(29);
    RET(pipe(pipes));
    RET(dup(0));
    RET(fcntl(0, F_DUPFD, 30));
    return 0;
}
