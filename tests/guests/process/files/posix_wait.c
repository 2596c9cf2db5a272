// F_SETLKW between processes: woken by unlock, close, exit, death; EINTR.
#include "process.h"
static volatile int got;
static void handler(int number) { (void)number; got++; }
int main(void)
{
    put_file("f", "", 0);
    for (int how = 0; how < 4; how++) {
        gate ready = new_gate(), go = new_gate();
        pid_t holder = CHILD({
            int fd = open("f", O_RDWR);
            fcntl(fd, F_SETLK, &(struct flock){.l_type = F_WRLCK});
            pass(ready);
            await(go);
            if (how == 0)
                fcntl(fd, F_SETLK, &(struct flock){.l_type = F_UNLCK});
            else if (how == 1)
                close(open("f", O_RDONLY));
            else if (how == 2)
                _exit(0);
            else
                raise(SIGKILL);
            for (;;)
                pause();
        });
        await(ready);
        pid_t waiter = CHILD({
            int fd = open("f", O_RDWR);
            _exit(fcntl(fd, F_SETLKW, &(struct flock){.l_type = F_WRLCK, .l_len = 10}) == 0 ? 40 + how : errno);
        });
        settle(waiter);
        RET(waitpid(waiter, NULL, WNOHANG));
        pass(go);
        reap("waiter", waiter);
        kill(holder, SIGKILL);
        reap("holder", holder);
    }
    int fd = open("f", O_RDWR);
    fcntl(fd, F_SETLK, &(struct flock){.l_type = F_WRLCK});
    handle(SIGUSR1, handler, 0);
    pid_t waiter = CHILD(RET(fcntl(fd, F_SETLKW, &(struct flock){.l_type = F_WRLCK})));
    settle(waiter);
    kill(waiter, SIGUSR1);
    reap("interrupted", waiter);
    return 0;
}
