// Connections over the loopback: names, half-close, errors after each kind of end, urgent bytes, flags, readiness.
// users: root nobody
#include "inet.h"

static void start(void)
{
    say("-- start");
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    events("new", fd);
    names("new", fd);
    receive("new", fd, 1, 0);
    failed("send", send(fd, "x", 1, MSG_NOSIGNAL));
    failed("shutdown", shutdown(fd, SHUT_RDWR));
    failed("accept", accept(fd, 0, 0));
    address a;
    failed("short", connect(fd, &a.any, 1));
    make(&a, "127.0.0.1", 0);
    failed("bind short", bind(fd, &a.any, 15));
    a.any.sa_family = AF_INET6;
    failed("bind family", bind(fd, &a.any, 16));
    failed("connect family", connect(fd, &a.any, 16));
    make(&a, "10.255.255.1", 0);
    failed("bind elsewhere", bind(fd, &a.any, 16));
    make(&a, "127.0.0.1", 1);
    failed("bind low", geteuid() ? bind(fd, &a.any, 16) : -(errno = EACCES));
    make(&a, "127.1.2.3", 0);
    failed("bind", bind(fd, &a.any, 16));
    names("bound", fd);
    failed("bind again", bind(fd, &a.any, 16));
    failed("listen", listen(fd, 1));
    events("listening", fd);
    receive("listening", fd, 1, 0);
    failed("connect a listener", connect_to(fd, "127.0.0.1", 1));
    failed("listen again", listen(fd, 5));
    int flag = 1;
    socklen_t length = sizeof flag;
    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &flag, &length);
    say("accepts %d", flag);
    close(fd);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    failed("listen unbound", listen(fd, 1));
    names("unbound", fd);
    failed("accept none", accept(fd, 0, 0));
    failed("shutdown write", shutdown(fd, SHUT_WR));
    failed("accept none", accept(fd, 0, 0));
    failed("shutdown read", shutdown(fd, SHUT_RD));
    failed("accept none", accept(fd, 0, 0));
    close(fd);
    failed("protocol", socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
    failed("type", socket(AF_INET, SOCK_SEQPACKET, 0));
    failed("type", socket(AF_INET, 77, 0));
    failed("number", socket(AF_INET, SOCK_STREAM, -1));
    int pair[2];
    failed("socketpair", socketpair(AF_INET, SOCK_STREAM, 0, pair));
}

static void connection(void)
{
    say("-- connection");
    int listener = listener_at("0.0.0.0", 1), client = socket(AF_INET, SOCK_STREAM, 0);
    failed("connect", connect_to(client, "127.0.0.5", port_of(listener)));
    failed("connect again", connect_to(client, "127.0.0.5", port_of(listener)));
    names("client", client);
    events("listener", listener);
    events("client", client);
    failed("early", send(client, "early", 5, 0));
    address a;
    socklen_t length = sizeof a;
    int server = accept4(listener, &a.any, &length, SOCK_NONBLOCK);
    say("from %s, flags %d", show(&a, length), fcntl(server, F_GETFL) == (O_RDWR | O_NONBLOCK));
    names("server", server);
    events("server", server);
    receive("server", server, 2, MSG_PEEK);
    receive("server", server, 2, 0);
    receive("server", server, 9, MSG_TRUNC);
    receive("server", server, 9, 0);
    failed("connect the server", connect_to(server, "127.0.0.1", 1));
    failed("listen the server", listen(server, 1));
    make(&a, "127.0.0.1", 0);
    failed("bind the server", bind(server, &a.any, 16));
    struct iovec vector[2] = {{"ab", 2}, {"cde", 3}};
    failed("writev", writev(server, vector, 2));
    int inside = -1;
    ioctl(client, FIONREAD, &inside);
    say("inside %d", inside);
    ioctl(server, TIOCOUTQ, &inside);
    say("to go %d", inside);
    receive("client", client, 5, MSG_WAITALL);
    receive("client", client, 5, MSG_DONTWAIT);
    failed("sendto", sendto(client, "x", 1, 0, &a.any, 16));
    length = sizeof a;
    char byte;
    failed("recvfrom", recvfrom(server, &byte, 1, 0, &a.any, &length));
    say("from %s", show(&a, length));
    failed("zero", recv(server, &byte, 0, 0));
    failed("read zero", read(server, &byte, 0));
    close(client), close(server), close(listener);
}

static void half(void)
{
    say("-- half");
    int p[2];
    connected(p);
    failed("write", write(p[0], "last", 4));
    failed("shutdown", shutdown(p[0], SHUT_WR));
    events("shut", p[0]), events("other", p[1]);
    failed("send", send(p[0], "x", 1, MSG_NOSIGNAL));
    receive("other", p[1], 9, 0);
    receive("other", p[1], 9, 0);
    failed("back", write(p[1], "back", 4));
    receive("shut", p[0], 9, 0);
    names("other", p[1]);
    failed("shutdown", shutdown(p[1], SHUT_WR));
    events("both", p[0]), events("both", p[1]);
    names("both", p[0]), names("both", p[1]);
    receive("both", p[0], 9, 0), receive("both", p[1], 9, 0);
    failed("send", send(p[0], "x", 1, MSG_NOSIGNAL));
    failed("shutdown", shutdown(p[0], SHUT_RDWR));
    failed("connect", connect_to(p[0], "127.0.0.1", 1));
    close(p[0]), close(p[1]);
    connected(p);
    failed("shutdown read", shutdown(p[0], SHUT_RD));
    events("deaf", p[0]), events("speaker", p[1]);
    receive("deaf", p[0], 1, 0);
    failed("send", send(p[1], "anyhow", 6, 0));
    receive("deaf", p[0], 9, 0);
    failed("bad", shutdown(p[0], 3));
    close(p[0]), close(p[1]);
}

static void ends(void)
{
    say("-- ends");
    int p[2];
    signal(SIGPIPE, SIG_IGN);
    connected(p);
    write(p[1], "unread", 6);
    close(p[0]);
    events("closed with bytes unread", p[1]);
    failed("write", write(p[1], "x", 1));
    failed("write", write(p[1], "x", 1));
    receive("after", p[1], 1, 0);
    close(p[1]);
    connected(p);
    write(p[0], "mine", 4), write(p[1], "unread", 6);
    close(p[0]);
    receive("what came before a reset", p[1], 9, 0);
    receive("reset", p[1], 9, 0);
    receive("reset", p[1], 9, 0);
    names("reset", p[1]);
    close(p[1]);
    connected(p);
    close(p[0]);
    events("closed", p[1]);
    receive("closed", p[1], 1, 0);
    failed("first", write(p[1], "x", 1));
    events("written to", p[1]);
    failed("second", write(p[1], "x", 1));
    say("error %s", error_name(so_error(p[1])));
    receive("written to", p[1], 1, 0);
    close(p[1]);
    connected(p);
    struct linger linger = {1, 0};
    setsockopt(p[0], SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(p[0]);
    events("linger", p[1]);
    say("error %s", error_name(so_error(p[1])));
    receive("linger", p[1], 1, 0);
    failed("write", write(p[1], "x", 1));
    close(p[1]);
    connected(p);
    shutdown(p[0], SHUT_RDWR);
    failed("to the deaf", write(p[1], "x", 1));
    events("deaf", p[0]), events("speaker", p[1]);
    failed("again", write(p[1], "x", 1));
    receive("deaf", p[0], 1, 0);
    close(p[0]), close(p[1]);
    int listener = listener_at("127.0.0.1", 3), client = socket(AF_INET, SOCK_STREAM, 0);
    connect_to(client, "127.0.0.1", port_of(listener));
    close(listener);
    receive("never accepted", client, 1, 0);
    receive("never accepted", client, 1, 0);
    close(client);
    listener = listener_at("127.0.0.1", 3), client = socket(AF_INET, SOCK_STREAM, 0);
    connect_to(client, "127.0.0.1", port_of(listener));
    write(client, "bye", 3);
    close(client);
    address a;
    socklen_t length = sizeof a;
    int server = accept(listener, &a.any, &length);
    say("accepted from %s", show(&a, length));
    receive("gone", server, 9, 0);
    receive("gone", server, 9, 0);
    close(server), close(listener);
    connected(p);
    make(&a, "0.0.0.0", 0);
    a.any.sa_family = AF_UNSPEC;
    failed("disconnect", connect(p[0], &a.any, 16));
    names("disconnected", p[0]);
    receive("other", p[1], 1, 0);
    close(p[0]), close(p[1]);
}

static void refused(void)
{
    say("-- refused");
    int dead = listener_at("127.0.0.1", 1), port = port_of(dead);
    close(dead);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    failed("connect", connect_to(fd, "127.0.0.1", port));
    events("refused", fd);
    failed("connect", connect_to(fd, "127.0.0.1", port));
    close(fd);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    failed("connect", connect_to(fd, "127.0.0.1", port));
    events("refused", fd);
    say("error %s", error_name(so_error(fd)));
    events("refused", fd);
    failed("connect", connect_to(fd, "127.0.0.1", port));
    failed("connect", connect_to(fd, "127.0.0.1", port));
    failed("connect", connect_to(fd, "127.0.0.1", port));
    close(fd);
    int listener = listener_at("127.0.0.1", 1);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    failed("connect", connect_to(fd, "127.0.0.1", port_of(listener)));
    events("connected", fd);
    failed("connect", connect_to(fd, "127.0.0.1", port_of(listener)));
    failed("connect", connect_to(fd, "127.0.0.1", port_of(listener)));
    say("error %d", so_error(fd));
    close(fd), close(listener);
}

static void urgent(void)
{
    say("-- urgent");
    int p[2], mark = -1, on = 1;
    connected(p);
    failed("none", recv(p[1], &mark, 1, MSG_OOB));
    write(p[0], "ab", 2);
    failed("urgent", send(p[0], "cd", 2, MSG_OOB));
    write(p[0], "ef", 2);
    events("urgent", p[1]);
    ioctl(p[1], FIONREAD, &mark);
    say("before it %d", mark);
    ioctl(p[1], SIOCATMARK, &mark);
    say("at mark %d", mark);
    receive("normal", p[1], 20, 0);
    ioctl(p[1], SIOCATMARK, &mark);
    say("at mark %d", mark);
    receive("peek", p[1], 1, MSG_OOB | MSG_PEEK);
    receive("urgent", p[1], 1, MSG_OOB);
    receive("urgent again", p[1], 1, MSG_OOB);
    receive("normal", p[1], 20, 0);
    setsockopt(p[1], SOL_SOCKET, SO_OOBINLINE, &on, sizeof on);
    send(p[0], "xy", 2, MSG_OOB);
    receive("inline", p[1], 20, MSG_OOB);
    receive("inline", p[1], 20, 0);
    receive("inline", p[1], 20, 0);
    close(p[0]), close(p[1]);
}

static void full(void)
{
    say("-- full");
    int p[2];
    connected(p);
    fcntl(p[0], F_SETFL, O_NONBLOCK);
    static char block[65536];
    long sent = 0, n;
    for (int i = 0; i < (int)sizeof block; i++)
        block[i] = (char)i;
    while ((n = write(p[0], block, sizeof block)) > 0)
        sent += n;
    failed("full", n);
    say("more than a megabyte %d", sent > 1000000);
    events("full", p[0]);
    int epoll = epoll_create1(0);
    struct epoll_event event = {EPOLLOUT | EPOLLET, {0}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, p[0], &event);
    say("waits %d", epoll_wait(epoll, &event, 1, 0));
    long got = 0;
    int good = 1;
    shutdown(p[0], SHUT_WR);
    static char back[50000];
    while ((n = read(p[1], back, sizeof back)) > 0) {
        for (long i = 0; i < n; i++)
            good &= back[i] == (char)(got + i);
        got += n;
    }
    say("all %d right %d end %ld", got == sent, good, n);
    say("ready %d", epoll_wait(epoll, &event, 1, 0));
    close(p[0]), close(p[1]), close(epoll);
    connected(p);
    struct timeval time = {0, 20000};
    setsockopt(p[0], SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    receive("time-out", p[0], 1, 0);
    int low = 3;
    setsockopt(p[0], SOL_SOCKET, SO_RCVLOWAT, &low, sizeof low);
    write(p[1], "ab", 2);
    events("below", p[0]);
    receive("below", p[0], 9, MSG_DONTWAIT);
    write(p[1], "abc", 3);
    events("enough", p[0]);
    close(p[0]), close(p[1]);
}

int main(void)
{
    alarm(20);
    start();
    connection();
    half();
    ends();
    refused();
    urgent();
    full();
    return 0;
}
