// Status flags belong to the description: F_SETFL by one is seen by the other; descriptor flags are not shared.
// variants: static musl
#include "process.h"
int main(void)
{
    int fd[2], file = open("f", O_CREAT | O_RDWR, 0600);
    pipe(fd);
    write(file, "0123456789", 10);
    lseek(file, 0, SEEK_SET);
    reap("child", CHILD({
        RET(fcntl(fd[0], F_SETFL, O_NONBLOCK));
        RET(fcntl(file, F_SETFL, O_APPEND));
        RET(fcntl(fd[0], F_SETFD, FD_CLOEXEC));
    }));
    char c;
    say("O_NONBLOCK %d", (fcntl(fd[0], F_GETFL) & O_NONBLOCK) != 0);
    RET(read(fd[0], &c, 1));
    RET(fcntl(fd[0], F_GETFD));
    say("O_APPEND %d", (fcntl(file, F_GETFL) & O_APPEND) != 0);
    write(file, "end", 3);
    RET(lseek(file, 0, SEEK_CUR));
    fcntl(fd[0], F_SETFL, 0), fcntl(file, F_SETFL, 0);
    gate go = new_gate();
    pid_t child = CHILD({
        await(go);
        say("child: O_NONBLOCK %d", (fcntl(fd[1], F_GETFL) & O_NONBLOCK) != 0);
        say("child: O_NONBLOCK %d", (fcntl(fd[0], F_GETFL) & O_NONBLOCK) != 0);
    });
    fcntl(fd[0], F_SETFL, O_NONBLOCK);
    pass(go);
    reap("child", child);
    return 0;
}
