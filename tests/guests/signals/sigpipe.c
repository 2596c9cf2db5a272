// Writing into a pipe without readers: SIGPIPE and EPIPE; ignored or blocked.
#include "guest.h"
#include <sys/socket.h>
#include <sys/uio.h>
static void handler(int number, siginfo_t *info, void *context)
{
    (void)context;
    say("%s code %d own pid %d", signal_name(number), info->si_code, info->si_pid == getpid());
}
int main(void)
{
    int pipes[2], pair[2];
    pipe(pipes);
    close(pipes[0]);
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigaction(SIGPIPE, &action, 0);
    RET(write(pipes[1], "x", 1));
    struct iovec v = {"x", 1};
    RET(writev(pipes[1], &v, 1));
    RET(write(pipes[1], "x", 0));
    signal(SIGPIPE, SIG_IGN);
    RET(write(pipes[1], "x", 1));
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    close(pair[0]);
    RET(write(pair[1], "x", 1));
    sigaction(SIGPIPE, &action, 0);
    RET(send(pair[1], "x", 1, MSG_NOSIGNAL));
    RET(write(pair[1], "x", 1));
    RET(read(pair[1], &v, 1));
    signal(SIGPIPE, SIG_DFL);
    write(pipes[1], "x", 1);
    say("alive");
    return 0;
}
