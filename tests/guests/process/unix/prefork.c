// A prefork server: four children accept on one listening socket; every client is served once.
#include "process.h"
#include <sys/un.h>
int main(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "socket"};
    int s = socket(AF_UNIX, SOCK_STREAM, 0), served = 0;
    bind(s, (void *)&a, sizeof a), listen(s, 50);
    pid_t worker[4], client[20];
    for (int i = 0; i < 4; i++)
        worker[i] = CHILD(for (;;) {
            int c = accept(s, NULL, NULL);
            char b[10];
            long n = read(c, b, 10);
            write(c, b, n);
            close(c);
        });
    for (int i = 0; i < 20; i++)
        client[i] = CHILD({
            int c = socket(AF_UNIX, SOCK_STREAM, 0);
            char b[10] = {0};
            MUST(connect(c, (void *)&a, sizeof a));
            write(c, &i, 4);
            _exit(read(c, b, 10) == 4 && *(int *)b == i && read(c, b, 10) == 0 ? 1 : 2);
        });
    for (int i = 0; i < 20; i++)
        served += WEXITSTATUS(status_of(client[i])) == 1;
    say("served %d", served);
    for (int i = 0; i < 4; i++) {
        kill(worker[i], SIGTERM);
        reap("worker", worker[i]);
    }
    return 0;
}
