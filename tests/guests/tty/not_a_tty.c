// What is no terminal says ENOTTY.
#include "guest.h"
#include <sys/ioctl.h>
#include <termios.h>
int main(void)
{
    struct termios t;
    struct winsize w;
    int pipes[2], n;
    pipe(pipes);
    put_file("f", "12345", 5);
    int fds[] = {open("f", O_RDWR), open("/dev/null", O_RDWR), open("/dev/zero", O_RDWR), pipes[0], open(".", O_RDONLY), 99};
    for (size_t i = 0; i < COUNT(fds); i++) {
        RET(isatty(fds[i]));
        RET(tcgetattr(fds[i], &t));
        RET(ioctl(fds[i], TIOCGWINSZ, &w));
        RET(ioctl(fds[i], FIONREAD, &n));
        RET(ioctl(fds[i], FIOCLEX));
        RET(fcntl(fds[i], F_GETFD));
        RET(ioctl(fds[i], FIONCLEX));
        RET(ioctl(fds[i], FIONBIO, &(int){1}));
        RET(fcntl(fds[i], F_GETFL) & O_NONBLOCK);
        RET(ioctl(fds[i], 0xdeadbeef, &n));
        errno = 0;
        say("%s", ttyname(fds[i]) ? "name" : error_name(errno));
    }
    say("stdout %d", isatty(1));
    return 0;
}
