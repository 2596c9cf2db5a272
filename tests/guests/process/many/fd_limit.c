// Running out of descriptors in a child is its own matter; the parent has its own table.
#include "process.h"
int main(void)
{
    reap("child", CHILD({
        int n = 0;
        int fd;
        while ((fd = dup(1)) >= 0)
            n++;
        say("%s", error_name(errno));
        YES(n > 1000);
        int p[2];
        RET(pipe(p));
        RET(socketpair(AF_UNIX, SOCK_STREAM, 0, p));
        reap("fork works", CHILD(_exit(2)));
    }));
    OK(dup(1));
    return 0;
}
