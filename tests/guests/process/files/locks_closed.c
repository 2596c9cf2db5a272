// Closing any descriptor of a file gives up the ranges that the process has locked, also one that was opened or duplicated after a fork.
#include "process.h"
#include <sys/file.h>
static int range(int fd, int command)
{
    struct flock l = {.l_type = F_WRLCK, .l_start = 5, .l_len = 10};
    int r = fcntl(fd, command, &l);
    return r < 0 ? r : command == F_GETLK ? l.l_type : 0;
}
int main(void)
{
    int fd = open("f", O_RDWR | O_CREAT, 0644);
    gate ask = new_gate(), told = new_gate();
    pid_t child = CHILD(for (int i = 0; i < 6; i++) { await(ask); RET(range(fd, F_GETLK)); pass(told); });
    RET(range(fd, F_SETLK));
    pass(ask), await(told);
    int other = open("f", O_RDONLY);
    pass(ask), await(told);
    close(other);
    pass(ask), await(told);
    RET(range(fd, F_SETLK));
    close(dup(fd));
    pass(ask), await(told);
    RET(range(fd, F_SETLK));
    close(open("f", O_PATH));
    pass(ask), await(told);
    pid_t second = CHILD(close(fd));
    reap("second", second);
    pass(ask), await(told);
    reap("child", child);
    return 0;
}
