// Waiting for flock: woken at unlock, at close, at the holder's end and at its death; readers together.
#include "process.h"
#include <sys/file.h>
static void hold(int how)
{
    gate ready = new_gate(), go = new_gate();
    pid_t holder = CHILD({
        int fd = open("f", O_RDWR);
        flock(fd, LOCK_EX);
        pass(ready);
        await(go);
        switch (how) {
        case 0: flock(fd, LOCK_UN); break;
        case 1: close(fd); break;
        case 2: _exit(0);
        case 3: raise(SIGKILL); break;
        case 4: flock(fd, LOCK_SH); break;
        }
        for (;;)
            pause();
    });
    await(ready);
    pid_t waiter[3];
    for (int i = 0; i < 3; i++)
        waiter[i] = CHILD({
            int fd = open("f", O_RDWR);
            _exit(flock(fd, how == 4 ? LOCK_SH : LOCK_EX) == 0 ? 40 + how : errno);
        });
    for (int i = 0; i < 3; i++)
        settle(waiter[i]);
    RET(waitpid(waiter[0], NULL, WNOHANG));
    pass(go);
    for (int i = 0; i < 3; i++)
        reap("waiter", waiter[i]);
    kill(holder, SIGKILL);
    reap("holder", holder);
}
int main(void)
{
    put_file("f", "", 0);
    for (int how = 0; how < 5; how++)
        hold(how);
    return 0;
}
