// RLIMIT_FSIZE of a child: SIGXFSZ, EFBIG; the parent's is another.
#include "process.h"
int main(void)
{
    int fd = open("f", O_CREAT | O_RDWR, 0600);
    struct rlimit limit = {100, 100};
    reap("killed", CHILD(setrlimit(RLIMIT_FSIZE, &limit); write(fd, "x", 1); lseek(fd, 100, SEEK_SET); write(fd, "y", 1)));
    reap("ignored", CHILD({
        handle(SIGXFSZ, SIG_IGN, 0);
        setrlimit(RLIMIT_FSIZE, &limit);
        lseek(fd, 98, SEEK_SET);
        RET(write(fd, "12345", 5));
        RET(write(fd, "12345", 5));
    }));
    RET(lseek(fd, 0, SEEK_CUR));
    RET(write(fd, "more", 4));
    return 0;
}
