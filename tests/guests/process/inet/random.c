// Random calls on internet sockets in processes that share some of them: nothing is checked but that the session lives.
// args: 5 1
// args: 6 2
#define CALLS 700
#define main threads_main
#include "../../faults/random_inet.c"
#undef main
#include "process.h"

int main(int argc, char **argv)
{
    char first[20];
    // Sockets of before the session, all of them: what a fork moves.
    x = strtoul(argv[1], 0, 0) * 77777 + 5;
    mem = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < 6; i++) {
        int s = socket(AF_INET, i & 1 ? SOCK_DGRAM : SOCK_STREAM, 0);
        struct sockaddr_in a = {.sin_family = AF_INET};
        socklen_t l = sizeof a;
        bind(s, (void *)&a, l), getsockname(s, (void *)&a, &l);
        ports[i] = a.sin_port;
    }
    signal(SIGALRM, handler);
    struct sigaction action = {.sa_handler = handler};
    sigaction(SIGALRM, &action, 0);
    struct itimerval it = {{0, 3000}, {0, 3000}}, none = {0};
    setitimer(ITIMER_REAL, &it, 0);
    for (int i = 0; i < 3000; i++)
        one();
    setitimer(ITIMER_REAL, &none, 0);
    pid_t child = CHILD({
        setitimer(ITIMER_REAL, &it, 0);
        for (int i = 0; i < CALLS; i++)
            one();
        snprintf(first, sizeof first, "%lu", strtoul(argv[1], 0, 0) + 100);
        argv[1] = first;
        setitimer(ITIMER_REAL, &none, 0);
        threads_main(argc, argv);
    });
    setitimer(ITIMER_REAL, &it, 0);
    for (int i = 0; i < CALLS; i++)
        one();
    setitimer(ITIMER_REAL, &none, 0);
    reap("child", child);
    threads_main(argc, argv);
    return 0;
}
