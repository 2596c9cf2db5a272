// A stream server by path with clients that are its siblings: accept, data both ways, end of file, names.
// variants: static musl
#include "process.h"
#include <sys/un.h>
int main(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "socket"};
    gate ready = new_gate();
    pid_t server = CHILD({
        int s = socket(AF_UNIX, SOCK_STREAM, 0);
        RET(bind(s, (void *)&a, sizeof a));
        RET(bind(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&a, sizeof a));
        RET(listen(s, 5));
        pass(ready);
        for (int i = 0; i < 3; i++) {
            char b[100];
            struct sockaddr_un from;
            socklen_t length = sizeof from;
            int c = accept(s, (void *)&from, &length);
            long n = read(c, b, 100);
            for (long k = 0; k < n; k++)
                b[k] -= 32;
            say("server: %ld bytes, name length %d", n, (int)length);
            write(c, b, n);
            close(c);
        }
    });
    await(ready);
    for (int i = 0; i < 3; i++)
        reap("client", CHILD({
            int c = socket(AF_UNIX, SOCK_STREAM, 0);
            MUST(connect(c, (void *)&a, sizeof a));
            char b[20] = {0};
            write(c, "question" + i, 8 - i);
            read(c, b, 19);
            say("client: %s", b);
            RET(read(c, b, 19));
        }));
    reap("server", server);
    RET(connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&a, sizeof a));
    unlink("socket");
    RET(connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&a, sizeof a));
    return 0;
}
