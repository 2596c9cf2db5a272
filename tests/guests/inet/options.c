// Options of internet sockets: defaults, what is taken, what is refused.
// users: root nobody
#include "inet.h"
#include <netinet/udp.h>

static void get(int fd, const char *what, int level, int option, size_t size)
{
    unsigned char bytes[256] = {0};
    socklen_t length = (socklen_t)size;
    char text[600] = "";
    if (getsockopt(fd, level, option, bytes, &length)) {
        say("%s: %s", what, error_name(errno));
        return;
    }
    if (length == 4)
        sprintf(text, "%d", *(int *)bytes);
    else
        for (socklen_t i = 0; i < length; i++)
            sprintf(text + 2 * i, "%02x", bytes[i]);
    say("%s: %u bytes %s", what, length, text);
}

static void set(int fd, const char *what, int level, int option, int value)
{
    failed(what, setsockopt(fd, level, option, &value, sizeof value));
    get(fd, what, level, option, 4);
}

#define GET(fd, level, option) get(fd, #option, level, option, 4)
#define SET(fd, level, option, value) set(fd, #option " " #value, level, option, value)

int main(void)
{
    int tcp = socket(AF_INET, SOCK_STREAM, 0), udp = socket(AF_INET, SOCK_DGRAM, 0), six = socket(AF_INET6, SOCK_STREAM, 0);
    for (int i = 0; i < 3; i++) {
        int fd = i == 0 ? tcp : i == 1 ? udp : six;
        say("-- socket %d", i);
        GET(fd, SOL_SOCKET, SO_TYPE);
        GET(fd, SOL_SOCKET, SO_DOMAIN);
        GET(fd, SOL_SOCKET, SO_PROTOCOL);
        GET(fd, SOL_SOCKET, SO_ERROR);
        GET(fd, SOL_SOCKET, SO_REUSEADDR);
        GET(fd, SOL_SOCKET, SO_REUSEPORT);
        GET(fd, SOL_SOCKET, SO_KEEPALIVE);
        GET(fd, SOL_SOCKET, SO_BROADCAST);
        GET(fd, SOL_SOCKET, SO_OOBINLINE);
        GET(fd, SOL_SOCKET, SO_PRIORITY);
        GET(fd, SOL_SOCKET, SO_RCVLOWAT);
        GET(fd, SOL_SOCKET, SO_SNDLOWAT);
        GET(fd, SOL_SOCKET, SO_ACCEPTCONN);
        GET(fd, SOL_SOCKET, SO_DONTROUTE);
        get(fd, "SO_LINGER", SOL_SOCKET, SO_LINGER, 8);
        get(fd, "SO_PEERCRED", SOL_SOCKET, SO_PEERCRED, 12);
        SET(fd, SOL_SOCKET, SO_REUSEADDR, 7);
        SET(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
        SET(fd, SOL_SOCKET, SO_RCVBUF, 20000);
        SET(fd, SOL_SOCKET, SO_SNDBUF, 20000);
        SET(fd, SOL_SOCKET, SO_SNDBUF, 1);
        SET(fd, SOL_SOCKET, SO_PRIORITY, 6);
        SET(fd, SOL_SOCKET, SO_PRIORITY, 7);
        SET(fd, SOL_SOCKET, SO_TYPE, 1);
        SET(fd, SOL_SOCKET, 999, 1);
        GET(fd, IPPROTO_IP, IP_TOS);
        GET(fd, IPPROTO_IP, IP_TTL);
        GET(fd, IPPROTO_IP, IP_MTU);
        GET(fd, IPPROTO_IP, IP_PKTINFO);
        GET(fd, IPPROTO_IP, IP_MULTICAST_TTL);
        GET(fd, IPPROTO_IP, IP_MULTICAST_LOOP);
        get(fd, "one byte", IPPROTO_IP, IP_TTL, 1);
        SET(fd, IPPROTO_IP, IP_TTL, 10);
        SET(fd, IPPROTO_IP, IP_TTL, 0);
        SET(fd, IPPROTO_IP, IP_TTL, 256);
        SET(fd, IPPROTO_IP, IP_TTL, -1);
        SET(fd, IPPROTO_IP, IP_TOS, 0x10);
        SET(fd, IPPROTO_IP, 999, 1);
        char byte = 3;
        failed("byte", setsockopt(fd, IPPROTO_IP, IP_TTL, &byte, 1));
        GET(fd, IPPROTO_IP, IP_TTL);
        failed("none", setsockopt(fd, IPPROTO_IP, IP_TTL, &byte, 0));
        failed("short", setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &byte, 1));
        GET(fd, IPPROTO_IPV6, IPV6_V6ONLY);
    }
    say("-- tcp");
    GET(tcp, IPPROTO_TCP, TCP_NODELAY);
    GET(tcp, IPPROTO_TCP, TCP_MAXSEG);
    GET(tcp, IPPROTO_TCP, TCP_CORK);
    GET(tcp, IPPROTO_TCP, TCP_KEEPIDLE);
    GET(tcp, IPPROTO_TCP, TCP_KEEPINTVL);
    GET(tcp, IPPROTO_TCP, TCP_KEEPCNT);
    GET(tcp, IPPROTO_TCP, TCP_SYNCNT);
    GET(tcp, IPPROTO_TCP, TCP_DEFER_ACCEPT);
    GET(tcp, IPPROTO_TCP, TCP_USER_TIMEOUT);
    GET(tcp, IPPROTO_TCP, 999);
    GET(udp, IPPROTO_TCP, TCP_NODELAY);
    SET(tcp, IPPROTO_TCP, TCP_NODELAY, 5);
    SET(tcp, IPPROTO_TCP, TCP_KEEPIDLE, 100);
    SET(tcp, IPPROTO_TCP, TCP_KEEPIDLE, 0);
    SET(tcp, IPPROTO_TCP, TCP_KEEPCNT, 128);
    SET(tcp, IPPROTO_TCP, TCP_KEEPINTVL, 5);
    SET(tcp, IPPROTO_TCP, TCP_MAXSEG, 10);
    SET(tcp, IPPROTO_TCP, TCP_USER_TIMEOUT, 500);
    SET(tcp, IPPROTO_TCP, 999, 1);
    failed("nothing there", setsockopt(tcp, IPPROTO_TCP, TCP_CONGESTION, "nothing there", 13));
    say("-- connection");
    int p[2], on = 1;
    connected(p);
    GET(p[0], IPPROTO_TCP, TCP_MAXSEG);
    GET(p[1], SOL_SOCKET, SO_ACCEPTCONN);
    struct tcp_info info;
    socklen_t length = sizeof info;
    failed("info", getsockopt(p[0], IPPROTO_TCP, TCP_INFO, &info, &length));
    say("state %d", info.tcpi_state);
    shutdown(p[0], SHUT_WR);
    getsockopt(p[1], IPPROTO_TCP, TCP_INFO, &info, &length);
    say("state %d", info.tcpi_state);
    close(p[0]), close(p[1]);
    failed("level", setsockopt(tcp, 77, 1, &length, 4));
    failed("level", getsockopt(tcp, 77, 1, &on, &length));
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    listen(listener, 1);
    int client = socket(AF_INET, SOCK_STREAM, 0);
    connect_to(client, "127.0.0.1", port_of(listener));
    int server = accept(listener, 0, 0);
    GET(server, SOL_SOCKET, SO_REUSEADDR);
    GET(server, IPPROTO_TCP, TCP_NODELAY);
    return 0;
}
