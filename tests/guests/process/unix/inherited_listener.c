// A listener whose maker is gone still serves; a second process may listen on the name only after unlinking it.
#include "process.h"
#include <sys/un.h>
int main(void)
{
    under_reaper();
    struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "socket"};
    gate ready = new_gate();
    pid_t maker = CHILD({
        int s = socket(AF_UNIX, SOCK_STREAM, 0);
        MUST(bind(s, (void *)&a, sizeof a));
        listen(s, 5);
        CHILD({
            for (int i = 0; i < 2; i++) {
                int c = accept(s, NULL, NULL);
                write(c, "served", 6);
                close(c);
            }
        });
        pass(ready);
        raise(SIGKILL);
    });
    await(ready);
    reap("maker", maker);
    for (int i = 0; i < 2; i++) {
        char b[10] = {0};
        int c = socket(AF_UNIX, SOCK_STREAM, 0);
        RET(connect(c, (void *)&a, sizeof a));
        read(c, b, 9);
        say("%s", b);
    }
    RET(bind(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&a, sizeof a));
    unlink("socket");
    RET(bind(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&a, sizeof a));
    return 0;
}
