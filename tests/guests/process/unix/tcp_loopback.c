// TCP on 127.0.0.1 between siblings: connect, accept, data, shutdown, end of file, reset, refused.
// variants: static musl
#include "process.h"
#include <arpa/inet.h>
#include <netinet/in.h>
int main(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof a;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    RET(bind(listener, (void *)&a, sizeof a));
    RET(listen(listener, 10));
    getsockname(listener, (void *)&a, &length);
    YES(ntohs(a.sin_port) != 0);
    handle(SIGPIPE, SIG_IGN, 0);
    pid_t server = CHILD({
        char b[100];
        struct sockaddr_in from;
        int c = accept(listener, (void *)&from, &length);
        YES(from.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
        long n = read(c, b, 100);
        say("server got %.*s", (int)n, b);
        RET(read(c, b, 100));
        write(c, "answer", 6);
        close(c);
    });
    reap("client", CHILD({
        close(listener);
        int c = socket(AF_INET, SOCK_STREAM, 0);
        char b[100] = {0};
        MUST(connect(c, (void *)&a, sizeof a));
        write(c, "question", 8);
        shutdown(c, SHUT_WR);
        read(c, b, 99);
        say("client got %s", b);
        RET(read(c, b, 99));
    }));
    reap("server", server);
    close(listener);
    RET(connect(socket(AF_INET, SOCK_STREAM, 0), (void *)&a, sizeof a));
    return 0;
}
