// What a child finds of its parent's internet sockets: connections with bytes in them, a listener with a connection that waits, ports.
#include "../../inet/inet.h"
#include "process.h"

int main(void)
{
    alarm(60);
    int p[2], listener = listener_at("127.0.0.1", 4), early = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    connected(p);
    connect_to(early, "127.0.0.1", port_of(listener));
    write(early, "early", 5);
    write(p[0], "to the server", 13);
    send(p[1], "xyz", 3, MSG_OOB);
    setsockopt(p[0], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    int receiver = socket(AF_INET, SOCK_DGRAM, 0), sender = socket(AF_INET, SOCK_DGRAM, 0);
    address a;
    socklen_t length = make(&a, "127.0.0.1", 0);
    bind(receiver, &a.any, length);
    connect_to(sender, "127.0.0.1", port_of(receiver));
    send(sender, "before", 6, 0);
    reap("child", CHILD({
        receive("child", p[1], 5, 0);
        names("child", p[0]);
        names("datagram", sender);
        int accepted = accept(listener, 0, 0);
        receive("accepted", accepted, 9, 0);
        write(accepted, "hello early", 11);
        close(accepted);
        receive("datagram", receiver, 9, 0);
        int value = 0;
        socklen_t size = sizeof value;
        getsockopt(p[0], IPPROTO_TCP, TCP_NODELAY, &value, &size);
        say("no delay %d", value);
        int other = socket(AF_INET, SOCK_STREAM, 0);
        make(&a, "127.0.0.1", port_of(listener));
        failed("bind", bind(other, &a.any, length));
        failed("connect", connect_to(other, "127.0.0.1", port_of(listener)));
        write(other, "from the child", 14);
        shutdown(p[0], SHUT_WR);
    }));
    receive("rest", p[1], 20, 0);
    events("end", p[1]);
    receive("end", p[1], 20, 0);
    events("urgent", p[0]);
    receive("before the mark", p[0], 9, 0);
    receive("urgent", p[0], 1, MSG_OOB);
    receive("early", early, 20, 0);
    receive("early", early, 20, 0);
    int accepted = accept(listener, 0, 0);
    receive("from the child", accepted, 30, 0);
    receive("its end", accepted, 30, 0);
    send(sender, "after", 5, 0);
    receive("datagram", receiver, 9, 0);
    failed("write", write(p[1], "back", 4));
    receive("after the mark", p[0], 9, 0);
    return 0;
}
