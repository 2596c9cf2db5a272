// Who may have which address and port: SO_REUSEADDR, SO_REUSEPORT, IPv6, what a connection that has ended leaves behind.
#include "inet.h"

static int made(int family, int type, int reuse)
{
    int fd = socket(family, type, 0), on = 1;
    if (reuse & 1)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (reuse & 2)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (reuse & 4)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    return fd;
}

static int try(int fd, const char *text, int port)
{
    address a;
    socklen_t length = make(&a, text, port);
    return bind(fd, &a.any, length) ? errno : 0;
}

static const char *result(int error)
{
    return error ? error_name(error) : "ok";
}

static void pairs(int type)
{
    static const struct {
        const char *a, *b;
        int first, second;
    } cases[] = {
        {"127.0.0.1", "127.0.0.1", 0, 0}, {"127.0.0.1", "127.0.0.1", 1, 0}, {"127.0.0.1", "127.0.0.1", 1, 1}, {"127.0.0.1", "127.0.0.1", 2, 2},
        {"127.0.0.1", "127.0.0.1", 2, 0}, {"127.0.0.1", "127.0.0.1", 3, 1}, {"127.0.0.1", "127.0.0.2", 0, 0}, {"0.0.0.0", "127.0.0.1", 0, 0},
        {"127.0.0.1", "0.0.0.0", 0, 0}, {"0.0.0.0", "127.0.0.1", 1, 1}, {"::", "127.0.0.1", 0, 0}, {"::", "127.0.0.1", 4, 0},
        {"::", "0.0.0.0", 0, 0}, {"::", "0.0.0.0", 4, 0}, {"0.0.0.0", "::", 0, 4}, {"0.0.0.0", "::", 0, 0}, {"127.0.0.1", "::", 0, 0},
        {"::1", "127.0.0.1", 0, 0}, {"::1", "::", 0, 0}, {"::", "::1", 4, 4}, {"::ffff:127.0.0.1", "127.0.0.1", 0, 0},
        {"::ffff:127.0.0.1", "::1", 0, 0}, {"::", "::", 4, 4}, {"::", "::", 3, 3}, {"::1", "::1", 2, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int a = made(strchr(cases[i].a, ':') ? AF_INET6 : AF_INET, type, cases[i].first);
        int b = made(strchr(cases[i].b, ':') ? AF_INET6 : AF_INET, type, cases[i].second);
        int first = try(a, cases[i].a, 0), second = try(b, cases[i].b, port_of(a));
        int listens = type == SOCK_STREAM && !second ? listen(a, 1) ? errno : listen(b, 1) ? 1000 + errno : 0 : 0;
        say("%s and %s, %d %d: %s %s, listen %s", cases[i].a, cases[i].b, cases[i].first, cases[i].second, result(first), result(second),
            listens > 1000 ? error_name(listens - 1000) : result(listens));
        close(a), close(b);
    }
}

static void listening(void)
{
    int a = made(AF_INET, SOCK_STREAM, 1), b = made(AF_INET, SOCK_STREAM, 1);
    try(a, "127.0.0.1", 0);
    listen(a, 1);
    say("beside a listener: %s", result(try(b, "127.0.0.1", port_of(a))));
    int client = socket(AF_INET, SOCK_STREAM, 0), port = port_of(a);
    connect_to(client, "127.0.0.1", port);
    int server = accept(a, 0, 0);
    close(a);
    say("beside a connection: %s", result(try(b, "127.0.0.1", port)));
    failed("listen", listen(b, 1));
    int c = made(AF_INET, SOCK_STREAM, 0);
    say("beside both: %s", result(try(c, "127.0.0.1", port)));
    close(b);
    close(server);
    char byte;
    failed("end", read(client, &byte, 1));
    close(client);
    // The server has closed first: it waits.
    say("waits: %s", result(try(c, "127.0.0.1", port)));
    b = made(AF_INET, SOCK_STREAM, 1);
    say("waits, reuse: %s", result(try(b, "127.0.0.1", port)));
    close(b), close(c);
    // The client closes first: its port waits, the server's does not.
    a = made(AF_INET, SOCK_STREAM, 0);
    try(a, "127.0.0.1", 0);
    listen(a, 1);
    port = port_of(a);
    client = socket(AF_INET, SOCK_STREAM, 0);
    connect_to(client, "127.0.0.1", port);
    int own = port_of(client);
    server = accept(a, 0, 0);
    close(client), close(server), close(a);
    b = made(AF_INET, SOCK_STREAM, 0);
    say("server's: %s", result(try(b, "127.0.0.1", port)));
    c = made(AF_INET, SOCK_STREAM, 1);
    say("client's: %s", result(try(c, "127.0.0.1", own)));
    close(b), close(c);
}

static void both_families(void)
{
    int on = 1, off = 0, value;
    socklen_t length = sizeof value;
    int server = listener_at("::", 4);
    getsockopt(server, IPPROTO_IPV6, IPV6_V6ONLY, &value, &length);
    say("only %d", value);
    failed("too late", setsockopt(server, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on));
    int port = port_of(server);
    static const char *const targets[] = {"127.0.0.1", "::1", "::ffff:127.0.0.1", "::", "0.0.0.0", "127.9.9.9"};
    for (int i = 0; i < 6; i++) {
        int client = socket(strchr(targets[i], ':') ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
        say("to %s", targets[i]);
        failed("connect", connect_to(client, targets[i], port));
        names("client", client);
        int accepted = accept(server, 0, 0);
        names("server", accepted);
        close(client), close(accepted);
    }
    close(server);
    server = made(AF_INET6, SOCK_STREAM, 4);
    say("only: %s", result(try(server, "::", 0)));
    listen(server, 4);
    int client = socket(AF_INET, SOCK_STREAM, 0);
    failed("four to six", connect_to(client, "127.0.0.1", port_of(server)));
    close(client);
    client = made(AF_INET6, SOCK_STREAM, 4);
    failed("mapped, only six", connect_to(client, "::ffff:127.0.0.1", port_of(server)));
    say("mapped, only six: %s", result(try(client, "::ffff:127.0.0.1", 0)));
    failed("unset", setsockopt(client, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off));
    say("mapped: %s", result(try(client, "::ffff:127.0.0.1", 0)));
    names("mapped", client);
    failed("mapped to six", connect_to(client, "::1", port_of(server)));
    say("elsewhere: %s", result(try(made(AF_INET6, SOCK_STREAM, 0), "2001:db8::1", 0)));
    say("link local: %s", result(try(made(AF_INET6, SOCK_STREAM, 0), "fe80::1", 0)));
    say("multicast: %s", result(try(made(AF_INET6, SOCK_STREAM, 0), "ff02::1", 0)));
    close(client), close(server);
    // A socket that calls itself.
    int self = made(AF_INET, SOCK_STREAM, 0);
    try(self, "127.0.0.1", 0);
    failed("self", connect_to(self, "127.0.0.1", port_of(self)));
    failed("write", write(self, "me", 2));
    receive("self", self, 9, 0);
    close(self);
}

static void shared_port(void)
{
    int fds[3], got[3] = {0, 0, 0}, port = 0;
    for (int i = 0; i < 3; i++) {
        fds[i] = made(AF_INET, SOCK_STREAM, 2);
        try(fds[i], "127.0.0.1", port);
        port = port_of(fds[0]);
        fcntl(fds[i], F_SETFL, O_NONBLOCK);
        listen(fds[i], 100);
    }
    int clients[60];
    for (int i = 0; i < 60; i++)
        connect_to(clients[i] = socket(AF_INET, SOCK_STREAM, 0), "127.0.0.1", port);
    int total = 0;
    for (int i = 0; i < 3; i++)
        for (int fd; (fd = accept(fds[i], 0, 0)) >= 0; close(fd), total++)
            got[i]++;
    say("shared %d: %d %d %d", total, got[0] > 0, got[1] > 0, got[2] > 0);
    for (int i = 0; i < 60; i++)
        close(clients[i]);
}

int main(void)
{
    alarm(20);
    say("-- stream");
    pairs(SOCK_STREAM);
    say("-- datagram");
    pairs(SOCK_DGRAM);
    say("-- listening");
    listening();
    say("-- families");
    both_families();
    shared_port();
    return 0;
}
