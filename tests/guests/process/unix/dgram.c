// Datagrams by name between siblings: sender's address, sendto, a full queue, a receiver that is gone.
#include "process.h"
#include <sys/un.h>
int main(void)
{
    struct sockaddr_un server = {.sun_family = AF_UNIX, .sun_path = "server"}, client = {.sun_family = AF_UNIX, .sun_path = "client"};
    gate ready = new_gate();
    pid_t receiver = CHILD({
        int s = socket(AF_UNIX, SOCK_DGRAM, 0);
        bind(s, (void *)&server, sizeof server);
        pass(ready);
        for (int i = 0; i < 2; i++) {
            char b[50];
            struct sockaddr_un from = {0};
            socklen_t length = sizeof from;
            long n = recvfrom(s, b, 50, 0, (void *)&from, &length);
            say("got %.*s from %s", (int)n, b, length > 2 ? from.sun_path : "nobody");
            if (length <= 2)
                pass(ready);
            else
                sendto(s, "reply", 5, 0, (void *)&from, length);
        }
    });
    await(ready);
    pid_t sender = CHILD({
        int s = socket(AF_UNIX, SOCK_DGRAM, 0);
        MUST(sendto(s, "anonymous", 9, 0, (void *)&server, sizeof server));
    });
    await(ready);
    reap("anonymous sender", sender);
    reap("named sender", CHILD({
        int s = socket(AF_UNIX, SOCK_DGRAM, 0);
        char b[20] = {0};
        bind(s, (void *)&client, sizeof client);
        RET(connect(s, (void *)&server, sizeof server));
        MUST(send(s, "named", 5, 0));
        read(s, b, 19);
        say("answered with %s", b);
    }));
    reap("receiver", receiver);
    int s = socket(AF_UNIX, SOCK_DGRAM, 0);
    RET(sendto(s, "x", 1, 0, (void *)&server, sizeof server));
    return 0;
}
