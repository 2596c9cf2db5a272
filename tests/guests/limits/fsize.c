// RLIMIT_FSIZE: SIGXFSZ and EFBIG, partial writes.
#include "guest.h"
#include <sys/resource.h>
static void handler(int number) { say("%s", signal_name(number)); }
int main(void)
{
    struct rlimit l = {1000, RLIM_INFINITY};
    char b[800] = {0};
    signal(SIGXFSZ, handler);
    int fd = MUST(open("f", O_CREAT | O_RDWR, 0644));
    MUST(setrlimit(RLIMIT_FSIZE, &l));
    RET(write(fd, b, 800));
    RET(write(fd, b, 800));
    RET(write(fd, b, 1));
    RET(pwrite(fd, b, 1, 5000));
    RET(ftruncate(fd, 2000));
    RET(ftruncate(fd, 10));
    RET(fallocate(fd, 0, 0, 2000));
    int null = open("/dev/null", O_WRONLY);
    RET(pwrite(null, b, 10, 5000));
    signal(SIGXFSZ, SIG_IGN);
    RET(pwrite(fd, b, 1, 5000));
    signal(SIGXFSZ, SIG_DFL);
    pwrite(fd, b, 1, 5000);
    say("alive");
    return 0;
}
