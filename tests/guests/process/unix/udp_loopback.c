// UDP on 127.0.0.1 between siblings, with the sender's address, and to a port that nobody has.
#include "process.h"
#include <arpa/inet.h>
#include <netinet/in.h>
int main(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof a;
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    bind(s, (void *)&a, sizeof a), getsockname(s, (void *)&a, &length);
    pid_t server = CHILD({
        char b[50];
        struct sockaddr_in from;
        for (int i = 0; i < 2; i++) {
            socklen_t n = sizeof from;
            long got = recvfrom(s, b, 50, 0, (void *)&from, &n);
            say("server got %.*s", (int)got, b);
            sendto(s, "pong", 4, 0, (void *)&from, n);
        }
    });
    for (int i = 0; i < 2; i++)
        reap("client", CHILD({
            char b[50] = {0};
            int c = socket(AF_INET, SOCK_DGRAM, 0);
            connect(c, (void *)&a, sizeof a);
            write(c, "ping", 4);
            read(c, b, 49);
            say("client got %s", b);
        }));
    reap("server", server);
    close(s);
    int c = socket(AF_INET, SOCK_DGRAM, 0);
    connect(c, (void *)&a, sizeof a);
    RET(write(c, "x", 1));
    char b;
    RET(read(c, &b, 1));
    return 0;
}
