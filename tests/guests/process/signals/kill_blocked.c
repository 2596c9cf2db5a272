// SIGKILL ends a child in each kind of blocking call, with its signals blocked too.
#include "process.h"
#include <sys/file.h>
static int fd[2], sockets[2];
static void block(int kind)
{
    char b[10];
    struct pollfd p = {fd[0], POLLIN, 0};
    sigset_t all, none;
    sigfillset(&all), sigemptyset(&none);
    if (kind % 2)
        sigprocmask(SIG_BLOCK, &all, NULL);
    switch (kind / 2) {
    case 0: read(fd[0], b, 1); break;
    case 1: poll(&p, 1, -1); break;
    case 2: sigsuspend(&all); break;
    case 3: flock(open("f", O_RDWR), LOCK_EX); break;
    case 4: recv(sockets[0], b, 1, 0); break;
    case 5: open("fifo", O_RDONLY); break;
    case 6: sleep(100); break;
    case 7: waitpid(CHILD(sleep_ms(300)), NULL, 0); break;
    case 8: pthread_mutex_lock(&(pthread_mutex_t){.__data.__lock = 1}); break;
    case 9: for (;;) ; break;
    case 10: raise(SIGSTOP); break;
    }
}
int main(void)
{
    pipe(fd), socketpair(AF_UNIX, SOCK_STREAM, 0, sockets);
    put_file("f", "", 0), mkfifo("fifo", 0600);
    flock(open("f", O_RDWR), LOCK_EX);
    for (int kind = 0; kind < 22; kind++) {
        pid_t child = CHILD(block(kind));
        settle_in(child, kind / 2 == 9 ? 'R' : kind / 2 == 10 ? 'T' : 'S');
        kill(child, SIGKILL);
        say("%d: %s", kind, status_name(status_of(child)));
    }
    return 0;
}
