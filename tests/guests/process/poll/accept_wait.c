// Several processes wait by poll on one listening socket: one accepts, the others get EAGAIN.
#include "process.h"
#include <sys/un.h>
int main(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "socket"};
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), count[5] = {0};
    bind(s, (void *)&a, sizeof a), listen(s, 5);
    gate seen = new_gate(), go = new_gate();
    pid_t child[3];
    for (int i = 0; i < 3; i++)
        child[i] = CHILD({
            struct pollfd p = {s, POLLIN, 0};
            poll(&p, 1, 5000);
            pass(seen), await(go);
            _exit(accept(s, NULL, NULL) >= 0 ? 1 : errno == EAGAIN ? 2 : 3);
        });
    int c = socket(AF_UNIX, SOCK_STREAM, 0);
    RET(connect(c, (void *)&a, sizeof a));
    for (int i = 0; i < 3; i++)
        await(seen);
    pass(go), pass(go), pass(go);
    for (int i = 0; i < 3; i++)
        count[WEXITSTATUS(status_of(child[i]))]++;
    say("accepted %d, nothing %d", count[1], count[2]);
    return 0;
}
