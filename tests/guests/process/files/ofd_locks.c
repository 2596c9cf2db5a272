// Open file description locks: shared by fork, conflict with others of the same process, released at the last close.
#include "process.h"
static int set(int fd, int type)
{
    struct flock l = {.l_type = type, .l_len = 10};
    return fcntl(fd, F_OFD_SETLK, &l);
}
int main(void)
{
    int fd = open("f", O_CREAT | O_RDWR, 0600), other = open("f", O_RDWR);
    RET(set(fd, F_WRLCK));
    RET(set(other, F_WRLCK));
    RET(fcntl(fd, F_SETLK, &(struct flock){.l_type = F_WRLCK, .l_len = 1}));
    struct flock l = {.l_type = F_WRLCK};
    RET(fcntl(other, F_GETLK, &l));
    say("type %d, pid %d", l.l_type == F_WRLCK, l.l_pid);
    gate ready = new_gate(), go = new_gate();
    pid_t child = CHILD({
        RET(set(fd, F_WRLCK));
        RET(set(other, F_RDLCK));
        pass(ready);
        await(go);
    });
    await(ready);
    close(fd);
    RET(set(other, F_WRLCK)); // the child still holds the description
    pass(go);
    reap("child", child);
    RET(set(other, F_WRLCK));
    pid_t waiter = CHILD({
        int own = open("f", O_RDWR);
        struct flock w = {.l_type = F_RDLCK};
        _exit(fcntl(own, F_OFD_SETLKW, &w) == 0 ? 7 : 8);
    });
    settle(waiter);
    RET(set(other, F_UNLCK));
    reap("waiter", waiter);
    l.l_pid = 5, l.l_type = F_WRLCK;
    RET(fcntl(other, F_OFD_SETLK, &l));
    return 0;
}
