// O_ASYNC: SIGIO for pipes, FIFOs, sockets and terminals, to whom and with what F_SETOWN and F_SETSIG say; nothing elsewhere.
#include "guest.h"
#include <pty.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
static volatile int count, code, band, from, number;
static void handler(int n, siginfo_t *info, void *context)
{
    (void)context;
    number = n, code = info->si_code, band = (int)info->si_band, from = info->si_fd;
    count++;
}
static void told(const char *what, int fd)
{
    if (!count)
        say("%s: nothing", what);
    else if (code == SI_KERNEL)
        say("%s: %s from the kernel, %s", what, number == SIGIO ? "SIGIO" : "another", count == 1 ? "once" : "more");
    else
        say("%s: signal %d, code %d, band %#x, %s", what, number, code, band, from == fd ? "its fd" : "another fd");
    count = 0;
}
static int on(int fd)
{
    int result = fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC);
    return result ? result : !!(fcntl(fd, F_GETFL) & O_ASYNC);
}
static int off(int fd)
{
    int result = fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_ASYNC);
    return result ? result : !!(fcntl(fd, F_GETFL) & O_ASYNC);
}
int main(void)
{
    char buffer[4096] = {0};
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigaction(SIGIO, &action, 0), sigaction(SIGUSR1, &action, 0), sigaction(SIGRTMIN + 1, &action, 0);
    int p[2], s[2], d[2], yes = 1, no = 0, pid = getpid();
    pipe(p);
    // Nobody is told until somebody is named.
    say("on %d", on(p[0]));
    write(p[1], "a", 1), told("no owner", p[0]);
    say("owner %d", fcntl(p[0], F_GETOWN));
    say("set %d", fcntl(p[0], F_SETOWN, pid));
    say("then %d", fcntl(p[0], F_GETOWN) == pid);
    write(p[1], "a", 1), told("pipe", p[0]);
    read(p[0], buffer, 2), told("read", p[0]);
    say("signal %d", fcntl(p[0], F_SETSIG, SIGRTMIN + 1));
    say("then %d", fcntl(p[0], F_GETSIG) == SIGRTMIN + 1);
    write(p[1], "a", 1), told("real-time", p[0]);
    int other = dup(p[0]);
    write(p[1], "a", 1), told("duplicated", p[0]);
    fcntl(p[0], F_SETSIG, SIGUSR1);
    write(p[1], "a", 1), told("SIGUSR1", p[0]);
    say("off %d", off(other));
    write(p[1], "a", 1), told("off", p[0]);
    say("by ioctl %d", ioctl(p[0], FIOASYNC, &yes));
    say("then %d", !!(fcntl(p[0], F_GETFL) & O_ASYNC));
    fcntl(p[0], F_SETSIG, 0);
    write(p[1], "a", 1), told("again", p[0]);
    // The writing end: room.
    fcntl(p[1], F_SETOWN, pid), fcntl(p[1], F_SETFL, O_NONBLOCK | O_ASYNC);
    count = 0;
    ioctl(p[0], FIOASYNC, &no);
    while (write(p[1], buffer, sizeof buffer) > 0)
        ;
    count = 0;
    fcntl(p[1], F_SETSIG, SIGUSR1);
    for (int i = 0; i < 8; i++)
        read(p[0], buffer, sizeof buffer);
    told("room", p[1]);
    fcntl(p[1], F_SETFL, 0), fcntl(p[1], F_SETSIG, 0);
    ioctl(p[0], FIOASYNC, &yes);
    close(p[1]), told("writer gone", p[0]);
    // Owners.
    struct f_owner_ex owner = {F_OWNER_TID, gettid()}, got = {9, 9};
    say("thread %d", fcntl(p[0], F_SETOWN_EX, &owner));
    say("then %d", fcntl(p[0], F_GETOWN_EX, &got));
    say("kind %d id %d", got.type, got.pid == gettid());
    say("group %d", fcntl(p[0], F_SETOWN, -getpgrp()));
    say("then %d", fcntl(p[0], F_GETOWN) == -getpgrp());
    say("nobody %s", fcntl(p[0], F_SETOWN, 999999) ? error_name(errno) : "0");
    owner.type = 3;
    say("kind 3 %s", fcntl(p[0], F_SETOWN_EX, &owner) ? error_name(errno) : "0");
    say("signal 65 %s", fcntl(p[0], F_SETSIG, 65) ? error_name(errno) : "0");
    say("pointer %s", fcntl(p[0], F_SETOWN_EX, 8) ? error_name(errno) : "0");
    say("zero %d", fcntl(p[0], F_SETOWN, 0));
    say("nobody %d", fcntl(p[0], F_GETOWN));
    // Sockets.
    socketpair(AF_UNIX, SOCK_STREAM, 0, s), socketpair(AF_UNIX, SOCK_DGRAM, 0, d);
    say("sockets %d %d", on(s[0]), on(d[0]));
    say("owners %d %d", ioctl(s[0], FIOSETOWN, &pid), ioctl(d[0], SIOCSPGRP, &pid));
    int owned = 0;
    say("owned %d", ioctl(s[0], SIOCGPGRP, &owned));
    say("then %d", owned == pid);
    say("pipes have none: %s", ioctl(p[0], FIOGETOWN, &owned) ? error_name(errno) : "0");
    write(s[1], "a", 1), told("stream", s[0]);
    write(d[1], "a", 1), told("datagram", d[0]);
    write(s[0], "a", 1), told("own write", s[0]);
    read(s[1], buffer, 1);
    fcntl(s[0], F_SETSIG, SIGUSR1);
    write(s[1], "a", 1), told("queued", s[0]);
    close(s[1]), told("peer gone", s[0]);
    // A terminal.
    int master, slave;
    if (openpty(&master, &slave, 0, 0, 0) == 0) {
        say("terminal %d", on(slave));
        fcntl(slave, F_SETOWN, pid);
        write(master, "abc\n", 4);
        for (int i = 0; i < 1000 && !count; i++)
            sleep_ms(1);
        told("line", slave);
    }
    // What has no such thing.
    int e = eventfd(0, 0), f = open("/proc/self/exe", O_RDONLY), z = open("/dev/zero", O_RDONLY);
    say("eventfd %d file %d zero %d", on(e), on(f), on(z));
    say("by ioctl: %s", ioctl(e, FIOASYNC, &yes) ? error_name(errno) : "0");
    say("by ioctl: %s", ioctl(f, FIOASYNC, &yes) ? error_name(errno) : "0");
    say("off by ioctl: %s", ioctl(f, FIOASYNC, &no) ? error_name(errno) : "0");
    say("end");
    return 0;
}
