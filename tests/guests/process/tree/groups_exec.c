// setpgid of a child that has executed another program is refused; before it is not.
#include "process.h"
int main(void)
{
    int in[2], out[2];
    pipe(in), pipe(out);
    pid_t child = CHILD({
        dup2(in[0], 0), dup2(out[1], 1);
        execl("/bin/cat", "cat", NULL);
    });
    char c;
    write(in[1], "x", 1), read(out[0], &c, 1); // it is cat by now
    RET(setpgid(child, child));
    RET(setpgid(child, getpgrp()));
    kill(child, SIGTERM);
    reap("cat", child);
    return 0;
}
