// splice, tee, vmsplice: moving between pipes and files, or ENOSYS said honestly.
#include "guest.h"
#include <sys/uio.h>
int main(void)
{
    int a[2], b[2];
    char text[32] = {0};
    pipe(a), pipe(b);
    put_file("f", "file content", 12);
    int fd = open("f", O_RDWR);
    write(a[1], "pipe", 4);
    if (RET(tee(a[0], b[1], 100, 0)) == -1 && errno == ENOSYS) {
        say("absent");
        return 0;
    }
    RET(splice(a[0], 0, b[1], 0, 100, 0));
    long n = read(b[0], text, 31);
    say("moved %ld %s", n, n > 0 ? text : "");
    loff_t at = 5;
    RET(splice(fd, &at, a[1], 0, 7, 0));
    RET(splice(a[0], 0, fd, &(loff_t){12}, 7, SPLICE_F_NONBLOCK));
    memset(text, 0, sizeof text);
    pread(fd, text, 31, 0);
    say("moved into the file: %s", text);
    RET(splice(fd, 0, fd, 0, 1, 0));
    RET(splice(a[0], &at, b[1], 0, 1, 0));
    RET(splice(a[0], 0, b[1], 0, 1, SPLICE_F_NONBLOCK));
    RET(tee(fd, b[1], 1, 0));
    return 0;
}
