// getrandom gives parent and child different bytes; /dev/urandom read through a shared descriptor too.
#include "process.h"
#include <sys/random.h>
int main(void)
{
    unsigned char mine[32], yours[32];
    int fd[2], urandom = open("/dev/urandom", O_RDONLY);
    pipe(fd);
    getrandom(mine, sizeof mine, 0);
    for (int i = 0; i < 3; i++) {
        pid_t child = CHILD({
            getrandom(yours, 16, 0), read(urandom, yours + 16, 16);
            write(fd[1], yours, 32);
        });
        getrandom(mine, 16, 0), read(urandom, mine + 16, 16);
        read(fd[0], yours, 32);
        YES(memcmp(mine, yours, 16) && memcmp(mine + 16, yours + 16, 16));
        reap("child", child);
    }
    return 0;
}
