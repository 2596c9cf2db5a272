// Datagrams over the loopback: addresses, truncation, errors of connected sockets, ancillary data, broadcast.
#include "inet.h"

static int at(const char *text)
{
    address a;
    socklen_t length = make(&a, text, 0);
    int fd = socket(a.any.sa_family, SOCK_DGRAM, 0);
    if (bind(fd, &a.any, length))
        say("bind %s", error_name(errno));
    return fd;
}

static long send_to(int fd, const char *bytes, size_t size, const char *text, int port)
{
    address a;
    socklen_t length = make(&a, text, port);
    return sendto(fd, bytes, size, 0, &a.any, length);
}

static void take(const char *what, int fd, size_t size, int flags)
{
    char bytes[100] = "", control[200];
    address a;
    struct iovec vector = {bytes, size};
    struct msghdr m = {&a, sizeof a, &vector, 1, control, sizeof control, 0};
    long n = recvmsg(fd, &m, flags | MSG_DONTWAIT);
    if (n < 0) {
        say("%s: %s", what, error_name(errno));
        return;
    }
    say("%s: %ld %s from %s flags %x", what, n, bytes, show(&a, m.msg_namelen), m.msg_flags);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
        char text[300] = "";
        for (size_t i = 0; i < c->cmsg_len - CMSG_LEN(0); i++)
            sprintf(text + 2 * i, "%02x", CMSG_DATA(c)[i]);
        say("  level %d type %d: %s", c->cmsg_level, c->cmsg_type, text);
    }
}

int main(void)
{
    alarm(20);
    int server = at("127.0.0.1"), client = socket(AF_INET, SOCK_DGRAM, 0);
    int port = port_of(server), on = 1, value;
    names("new", client);
    events("new", client);
    failed("nowhere", send(client, "x", 1, 0));
    failed("first", send_to(client, "hello", 5, "127.0.0.1", port));
    names("sent", client);
    events("server", server);
    ioctl(server, FIONREAD, &value);
    say("inside %d", value);
    take("peek", server, 3, MSG_PEEK);
    take("peek", server, 3, MSG_PEEK | MSG_TRUNC);
    take("cut", server, 3, 0);
    take("none", server, 3, 0);
    failed("empty", send_to(client, "", 0, "127.0.0.1", port));
    events("empty", server);
    take("empty", server, 9, 0);
    static char big[70000];
    failed("big", send_to(client, big, 65507, "127.0.0.1", port));
    failed("got", recv(server, big, sizeof big, 0));
    failed("too big", send_to(client, big, 65508, "127.0.0.1", port));
    failed("far too big", send_to(client, big, 70000, "127.0.0.1", port));
    failed("port 0", send_to(client, "x", 1, "127.0.0.1", 0));
    address a;
    make(&a, "127.0.0.1", port);
    failed("short", sendto(client, "x", 1, 0, &a.any, 8));
    a.any.sa_family = AF_UNIX;
    failed("family", sendto(client, "x", 1, 0, &a.any, 16));
    a.any.sa_family = AF_UNSPEC;
    failed("no family", sendto(client, "x", 1, 0, &a.any, 16));
    take("no family", server, 9, 0);
    failed("oob", sendto(client, "x", 1, MSG_OOB, &a.any, 16));
    failed("listen", listen(server, 1));
    failed("accept", accept(server, 0, 0));
    failed("unspecified", send_to(client, "any", 3, "0.0.0.0", port));
    take("unspecified", server, 9, 0);
    failed("other", send_to(client, "other", 5, "127.0.0.2", port));
    take("other", server, 9, 0);

    say("-- connected");
    failed("connect", connect_to(client, "127.0.0.1", port));
    names("connected", client);
    failed("send", send(client, "one", 3, 0));
    take("connected", server, 9, 0);
    int third = at("127.0.0.1");
    failed("stranger", send_to(third, "stranger", 8, "127.0.0.1", port_of(client)));
    take("stranger", client, 9, 0);
    failed("server", send_to(server, "server", 6, "127.0.0.1", port_of(client)));
    take("server", client, 9, 0);
    failed("elsewhere", send_to(client, "else", 4, "127.0.0.1", port_of(third)));
    take("elsewhere", third, 9, 0);
    close(server);
    failed("refused", send(client, "x", 1, 0));
    events("refused", client);
    failed("refused", send(client, "x", 1, 0));
    failed("refused", send(client, "x", 1, 0));
    take("refused", client, 9, 0);
    take("refused", client, 9, 0);
    failed("unconnected", send_to(third, "x", 1, "127.0.0.1", port));
    take("unconnected", third, 9, 0);
    a.any.sa_family = AF_UNSPEC;
    failed("disconnect", connect(client, &a.any, 16));
    names("disconnected", client);
    failed("shutdown", shutdown(client, SHUT_RD));
    events("shut", client);
    failed("connect", connect_to(client, "127.0.0.1", port_of(third)));
    failed("shutdown", shutdown(client, SHUT_RDWR));
    events("shut", client);
    failed("read", recv(client, &value, 1, 0));
    failed("read", recv(client, &value, 1, MSG_DONTWAIT));
    failed("write", send(client, "x", 1, 0));
    close(client);

    say("-- ancillary");
    server = at("0.0.0.0");
    client = at("127.0.0.3");
    setsockopt(server, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
    setsockopt(server, IPPROTO_IP, IP_RECVTTL, &on, sizeof on);
    setsockopt(server, IPPROTO_IP, IP_RECVTOS, &on, sizeof on);
    failed("send", send_to(client, "info", 4, "127.0.0.2", port_of(server)));
    take("info", server, 9, 0);
    int six = at("::");
    setsockopt(six, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
    failed("four to six", send_to(client, "four", 4, "127.0.0.1", port_of(six)));
    take("four to six", six, 9, 0);
    int from6 = socket(AF_INET6, SOCK_DGRAM, 0);
    failed("six", send_to(from6, "six", 3, "::1", port_of(six)));
    take("six", six, 9, 0);
    failed("mapped", send_to(from6, "mapped", 6, "::ffff:127.0.0.1", port_of(six)));
    take("mapped", six, 9, 0);
    failed("four", send_to(from6, "four", 4, "127.0.0.1", port_of(six)));
    take("four", six, 9, 0);
    failed("six connects", connect_to(from6, "::1", port_of(six)));
    names("six", from6);
    struct in_pktinfo info = {0, {htonl(0x7f000009)}, {0}};
    union {
        char bytes[CMSG_SPACE(sizeof info)];
        struct cmsghdr align;
    } control;
    socklen_t length = make(&a, "127.0.0.1", port_of(server));
    struct iovec vector = {"src", 3};
    struct msghdr m = {&a, length, &vector, 1, &control, sizeof control, 0};
    control.align = (struct cmsghdr){CMSG_LEN(sizeof info), IPPROTO_IP, IP_PKTINFO};
    memcpy(CMSG_DATA(&control.align), &info, sizeof info);
    failed("source", sendmsg(third, &m, 0));
    take("source", server, 9, 0);
    control.align.cmsg_type = 99;
    failed("unknown", sendmsg(third, &m, 0));
    failed("broadcast", send_to(client, "all", 3, "127.255.255.255", port_of(server)));
    setsockopt(client, SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
    failed("broadcast", send_to(client, "all", 3, "127.255.255.255", port_of(server)));
    take("broadcast", server, 9, 0);

    say("-- full");
    int sent = 0;
    while (sent < 5000 && send_to(client, big, 100, "127.0.0.1", port_of(server)) == 100)
        sent++;
    int got = 0;
    while (recv(server, big, 100, MSG_DONTWAIT) == 100)
        got++;
    say("sent %d, some lost %d", sent, got > 100 && got < sent);
    struct timeval time = {0, 20000};
    setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    failed("time-out", recv(server, big, 1, 0));
    return 0;
}
