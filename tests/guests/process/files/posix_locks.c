// fcntl locks: not inherited by fork, F_GETLK names the holder, ranges split and join, released by any close.
// variants: static musl
#include "process.h"
static int fd;
static void set(int type, long start, long length)
{
    struct flock l = {.l_type = type, .l_start = start, .l_len = length};
    int result = fcntl(fd, F_SETLK, &l);
    say("lock %s %ld+%ld: %s", type == F_RDLCK ? "read" : type == F_WRLCK ? "write" : "un", start, length, result ? error_name(errno) : "ok");
}
static void get(int type, long start, long length, pid_t holder)
{
    struct flock l = {.l_type = type, .l_start = start, .l_len = length};
    fcntl(fd, F_GETLK, &l);
    if (l.l_type == F_UNLCK)
        say("%ld+%ld is free", start, length);
    else
        say("%ld+%ld: %s lock %ld+%ld, by the parent %d", start, length, l.l_type == F_RDLCK ? "read" : "write", (long)l.l_start, (long)l.l_len,
            l.l_pid == holder);
}
int main(void)
{
    pid_t me = getpid();
    fd = open("f", O_CREAT | O_RDWR, 0600);
    gate go = new_gate(), done = new_gate();
    set(F_WRLCK, 0, 100);
    set(F_UNLCK, 40, 20);
    set(F_RDLCK, 10, 5);
    set(F_WRLCK, 1000, 0);
    pid_t child = CHILD({
        get(F_WRLCK, 0, 10, me), get(F_RDLCK, 10, 5, me), get(F_WRLCK, 10, 5, me), get(F_WRLCK, 40, 20, me), get(F_WRLCK, 50, 1000, me);
        get(F_WRLCK, 5000, 1, me);
        set(F_WRLCK, 0, 1);
        set(F_RDLCK, 12, 2);
        set(F_WRLCK, 40, 20);
        set(F_WRLCK, 200, 100);
        pass(done);
        await(go);
        set(F_WRLCK, 0, 0);
    });
    await(done);
    set(F_WRLCK, 10, 5);
    set(F_WRLCK, 45, 1);
    close(open("f", O_RDONLY)); // gives up all locks of this process
    pass(go);
    reap("child", child);
    set(F_WRLCK, 0, 0);
    struct flock bad = {.l_type = 9};
    RET(fcntl(fd, F_SETLK, &bad));
    bad = (struct flock){.l_type = F_WRLCK, .l_start = -1};
    RET(fcntl(fd, F_SETLK, &bad));
    RET(fcntl(open("f", O_RDONLY), F_SETLK, &(struct flock){.l_type = F_WRLCK}));
    return 0;
}
