// Pipes can be locked as files are; both ends are one file.
#include "process.h"
#include <sys/file.h>
static int range(int fd, short type, int command)
{
    struct flock l = {.l_type = type, .l_len = 10};
    int r = fcntl(fd, command, &l);
    return r < 0 ? r : command == F_GETLK ? l.l_type : 0;
}
int main(void)
{
    int fd[2];
    pipe(fd);
    int a = fd[0], b = fd[1];
    pid_t other = CHILD(pause());
    gate ready = new_gate(), go = new_gate();
    pid_t child = CHILD({
        RET(range(a, F_RDLCK, F_SETLK));
        pass(ready), await(go);
        close(a);
        pass(ready), await(go);
    });
    await(ready);
    RET(range(b, F_WRLCK, F_GETLK));
    RET(range(b, F_WRLCK, F_SETLK));
    pass(go), await(ready);
    RET(range(b, F_WRLCK, F_SETLK));
    RET(range(b, F_UNLCK, F_SETLK));
    pass(go);
    reap("child", child);
    RET(flock(a, LOCK_EX | LOCK_NB));
    RET(flock(b, LOCK_EX | LOCK_NB));
    child = CHILD(RET(flock(a, LOCK_SH | LOCK_NB)); RET(flock(a, LOCK_UN)));
    reap("child", child);
    RET(flock(b, LOCK_EX | LOCK_NB));
    kill(other, SIGKILL);
    reap("other", other);
    return 0;
}
