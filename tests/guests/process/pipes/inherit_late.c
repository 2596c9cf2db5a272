// A pipe made by a child is the parent's only if it is handed over; one made before is everybody's; closing in one.
#include "process.h"
int main(void)
{
    int fd[2];
    char b[10] = {0};
    RET(fcntl(3, F_GETFD));
    reap("child", CHILD({
        pipe(fd);
        reap("grandchild", CHILD(write(fd[1], "abc", 3)));
        read(fd[0], b, 3);
        say("%s", b);
    }));
    RET(fcntl(3, F_GETFD));
    pipe(fd);
    write(fd[1], "before", 6);
    reap("child", CHILD(read(fd[0], b, 3); say("child reads %.3s", b); close(fd[0]); close(fd[1])));
    read(fd[0], b, 9);
    say("parent reads %.3s", b);
    RET(write(fd[1], "x", 1));
    return 0;
}
