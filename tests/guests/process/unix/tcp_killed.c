// TCP inside the session: the peer is killed; a connected socket shared by parent and child closes with the last.
#include "process.h"
#include <arpa/inet.h>
#include <netinet/in.h>
int main(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof a;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    char b[20] = {0};
    bind(listener, (void *)&a, sizeof a), listen(listener, 10), getsockname(listener, (void *)&a, &length);
    gate ready = new_gate(), go = new_gate();
    pid_t client = CHILD({
        int c = socket(AF_INET, SOCK_STREAM, 0);
        close(listener);
        connect(c, (void *)&a, sizeof a);
        write(c, "data", 4);
        pass(ready);
        for (;;)
            pause();
    });
    int c = accept(listener, NULL, NULL);
    await(ready);
    kill(client, SIGKILL);
    reap("client", client);
    RET(read(c, b, 20));
    RET(read(c, b, 20));
    close(c);
    client = CHILD({
        int s = socket(AF_INET, SOCK_STREAM, 0);
        close(listener);
        connect(s, (void *)&a, sizeof a);
        pid_t second = CHILD(await(go); write(s, "from the second", 15));
        write(s, "first;", 6);
        close(s);
        pass(ready);
        status_of(second);
    });
    c = accept(listener, NULL, NULL);
    await(ready);
    RET(read(c, b, 6));
    fcntl(c, F_SETFL, O_NONBLOCK);
    RET(read(c, b, 6));
    fcntl(c, F_SETFL, 0);
    pass(go);
    RET(read(c, b, 20));
    RET(read(c, b, 20));
    reap("client", client);
    return 0;
}
