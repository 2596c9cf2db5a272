// A signal from another process interrupts each kind of blocking call: EINTR, or restarted with SA_RESTART.
// args: plain
// args: restart
#include "process.h"
#include <sys/file.h>
#include <semaphore.h>
static volatile int got;
static void handler(int number) { (void)number; got++; }
static int fd[2], lock_fd, sockets[2];
static long block(int kind)
{
    char b[10];
    static char big[1 << 20];
    struct pollfd p = {fd[0], POLLIN, 0};
    switch (kind) {
    case 0: return read(fd[0], b, 1);
    case 1: return poll(&p, 1, 5000);
    case 2: return waitpid(-1, NULL, 0);
    case 3: return flock(open("f", O_RDWR), LOCK_EX);
    case 4: return recv(sockets[0], b, 1, 0);
    case 5: return open("fifo", O_RDONLY);
    case 6: return nanosleep(&(struct timespec){5, 0}, NULL);
    case 7: return fcntl(lock_fd, F_SETLKW, &(struct flock){.l_type = F_WRLCK});
    case 8: return send(sockets[0], big, sizeof big, 0) < (long)sizeof big ? -1 : 0;
    case 9: return write(fd[1], big, sizeof big) < (long)sizeof big ? -1 : 0;
    }
    return 0;
}
int main(int argc, char **argv)
{
    const char *names[] = {"read", "poll", "waitpid", "flock", "recv", "open", "nanosleep", "fcntl", "send", "write"};
    (void)argc;
    bool restart = !strcmp(argv[1], "restart");
    put_file("f", "", 0), put_file("l", "", 0);
    mkfifo("fifo", 0600);
    flock(open("f", O_RDWR), LOCK_EX);
    lock_fd = open("l", O_RDWR);
    fcntl(lock_fd, F_SETLK, &(struct flock){.l_type = F_WRLCK});
    handle(SIGUSR1, handler, restart ? SA_RESTART : 0);
    for (int kind = 0; kind < 10; kind++) {
        pipe(fd), socketpair(AF_UNIX, SOCK_STREAM, 0, sockets);
        gate told = new_gate();
        pid_t child = CHILD({
            pid_t idle = kind == 2 ? CHILD(for (;;) pause()) : 0;
            errno = 0;
            long result = block(kind);
            say("%s: %s after %d signals", names[kind], result < 0 ? errno ? error_name(errno) : "cut short" : "done", got);
            if (idle)
                kill(idle, SIGKILL);
            pass(told);
        });
        settle(child);
        sleep_ms(5);
        kill(child, SIGUSR1);
        if (restart && kind != 1 && kind != 6 && kind != 8 && kind != 9) {
            sleep_ms(5);
            settle(child);
            RET(waitpid(child, NULL, WNOHANG));
            kill(child, SIGKILL);
        }
        say("%s: %s", names[kind], status_name(status_of(child)));
        close(fd[0]), close(fd[1]), close(sockets[0]), close(sockets[1]);
    }
    return 0;
}
