// Shared by the programs about internet sockets: they use ports that are free and print none.
#ifndef INET_H
#define INET_H
#include "guest.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

// An address of either family.
typedef union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage storage;
} address;

static int failed(const char *what, long result)
{
    if (result < 0)
        say("%s %s", what, error_name(errno));
    else
        say("%s %ld", what, result);
    return (int)result;
}

UNUSED static socklen_t make(address *a, const char *text, int port)
{
    memset(a, 0, sizeof *a);
    if (strchr(text, ':')) {
        a->v6.sin6_family = AF_INET6, a->v6.sin6_port = htons(port);
        inet_pton(AF_INET6, text, &a->v6.sin6_addr);
        return sizeof a->v6;
    }
    a->v4.sin_family = AF_INET, a->v4.sin_port = htons(port);
    inet_pton(AF_INET, text, &a->v4.sin_addr);
    return sizeof a->v4;
}

UNUSED static int port_of(int fd)
{
    address a;
    socklen_t length = sizeof a;
    if (getsockname(fd, &a.any, &length))
        return -1;
    return ntohs(a.any.sa_family == AF_INET6 ? a.v6.sin6_port : a.v4.sin_port);
}

// The address without its port, but whether it has one.
UNUSED static const char *show(const address *a, socklen_t length)
{
    static char text[3][100];
    static int turn;
    char ip[60] = "?";
    char *out = text[turn = (turn + 1) % 3];
    if (length == 0)
        return "nothing";
    int is6 = a->any.sa_family == AF_INET6;
    inet_ntop(a->any.sa_family, is6 ? (const void *)&a->v6.sin6_addr : (const void *)&a->v4.sin_addr, ip, sizeof ip);
    snprintf(out, 100, "%s %s (%u)", ip, (is6 ? a->v6.sin6_port : a->v4.sin_port) ? "port" : "no port", length);
    return out;
}

UNUSED static void names(const char *what, int fd)
{
    address a;
    socklen_t length = sizeof a;
    if (getsockname(fd, &a.any, &length) == 0)
        say("%s name %s", what, show(&a, length));
    else
        failed("getsockname", -1);
    length = sizeof a;
    if (getpeername(fd, &a.any, &length) == 0)
        say("%s peer %s", what, show(&a, length));
    else
        say("%s peer %s", what, error_name(errno));
}

UNUSED static void events(const char *what, int fd)
{
    struct pollfd p = {fd, POLLIN | POLLOUT | POLLPRI | POLLRDHUP, 0};
    poll(&p, 1, 0);
    say("%s:%s%s%s%s%s%s%s", what, p.revents & POLLIN ? " in" : "", p.revents & POLLOUT ? " out" : "", p.revents & POLLPRI ? " pri" : "",
        p.revents & POLLERR ? " err" : "", p.revents & POLLHUP ? " hup" : "", p.revents & POLLRDHUP ? " rdhup" : "", p.revents & POLLNVAL ? " nval" : "");
}

UNUSED static int so_error(int fd)
{
    int value = -1;
    socklen_t length = sizeof value;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &length);
    return value;
}

UNUSED static int listener_at(const char *text, int backlog)
{
    address a;
    socklen_t length = make(&a, text, 0);
    int fd = socket(a.any.sa_family, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, &a.any, length) || listen(fd, backlog))
        say("listener: %s", error_name(errno));
    return fd;
}

UNUSED static int connect_to(int fd, const char *text, int port)
{
    address a;
    socklen_t length = make(&a, text, port);
    return connect(fd, &a.any, length);
}

// Two connected sockets: the client's is [0].
UNUSED static void connected(int pair[2])
{
    int listener = listener_at("127.0.0.1", 4);
    pair[0] = socket(AF_INET, SOCK_STREAM, 0);
    if (connect_to(pair[0], "127.0.0.1", port_of(listener)))
        say("connect: %s", error_name(errno));
    pair[1] = accept(listener, 0, 0);
    close(listener);
}

UNUSED static void receive(const char *what, int fd, size_t size, int flags)
{
    char bytes[300] = "";
    long n = recv(fd, bytes, size, flags);
    if (n < 0)
        say("%s: recv %s", what, error_name(errno));
    else
        say("%s: recv %ld %.40s", what, n, bytes);
}
#endif
