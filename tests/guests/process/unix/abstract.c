// Abstract names between siblings: gone with the last holder, EADDRINUSE, ECONNREFUSED; not a file.
#include "process.h"
#include <sys/un.h>
int main(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    strcpy(a.sun_path + 1, unique(""));
    socklen_t length = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(a.sun_path + 1);
    gate ready = new_gate(), go = new_gate();
    pid_t server = CHILD({
        int s = socket(AF_UNIX, SOCK_SEQPACKET, 0);
        RET(bind(s, (void *)&a, length));
        listen(s, 1);
        pass(ready);
        char b[20] = {0};
        int c = accept(s, NULL, NULL);
        read(c, b, 19);
        say("server got %s", b);
        pass(ready);
        await(go);
    });
    await(ready);
    RET(bind(socket(AF_UNIX, SOCK_SEQPACKET, 0), (void *)&a, length));
    RET(connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&a, length));
    pid_t client = CHILD({
        int c = socket(AF_UNIX, SOCK_SEQPACKET, 0);
        RET(connect(c, (void *)&a, length));
        write(c, "packet", 6);
        char d;
        RET(read(c, &d, 1));
    });
    await(ready);
    settle(client);
    kill(server, SIGKILL);
    int status = status_of(server);
    reap("client", client);
    say("server: %s", status_name(status));
    RET(connect(socket(AF_UNIX, SOCK_SEQPACKET, 0), (void *)&a, length));
    RET(bind(socket(AF_UNIX, SOCK_SEQPACKET, 0), (void *)&a, length));
    return 0;
}
