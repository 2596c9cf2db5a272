// A pipe between processes: bytes in order, end of file when the last writer has closed, however many there were.
// variants: static musl
#include "process.h"
int main(void)
{
    int fd[2];
    char b[100] = {0};
    pipe(fd);
    pid_t child = CHILD({
        close(fd[0]);
        write(fd[1], "from the child", 14);
    });
    RET(read(fd[0], b, 100));
    say("%s", b);
    reap("child", child);
    gate go = new_gate();
    pid_t holder = CHILD({
        close(fd[0]);
        await(go);
        write(fd[1], "late", 4);
    });
    close(fd[1]);
    fcntl(fd[0], F_SETFL, O_NONBLOCK);
    RET(read(fd[0], b, 100)); // the child still has a writer
    fcntl(fd[0], F_SETFL, 0);
    pass(go);
    RET(read(fd[0], b, 100));
    RET(read(fd[0], b, 100));
    RET(read(fd[0], b, 100));
    reap("holder", holder);
    return 0;
}
