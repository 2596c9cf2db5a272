// readv, writev, preadv, pwritev, preadv2: many pieces, empty pieces, limits, errors.
// variants: static
#include "guest.h"
#include <sys/uio.h>
int main(void)
{
    static struct iovec v[2000];
    static char text[4000], back[4000];
    int fd = MUST(open("f", O_CREAT | O_RDWR, 0644));
    for (int i = 0; i < 4000; i++)
        text[i] = 'a' + i % 26;
    for (int i = 0; i < 2000; i++)
        v[i] = (struct iovec){text + i, 1};
    RET(writev(fd, v, 1024));
    RET(writev(fd, v, 1025));
    RET(writev(fd, v, 0));
    RET(writev(fd, v, -1));
    RET(writev(fd, 0, 0));
    for (int i = 0; i < 1000; i++)
        v[i] = (struct iovec){back + i * 3, i % 3};
    RET(preadv(fd, v, 1000, 0));
    say("%016lx", hash(back, sizeof back));
    v[0] = (struct iovec){back, SIZE_MAX};
    RET(readv(fd, v, 1));
    v[0] = (struct iovec){back, 10}, v[1] = (struct iovec){(void *)8, 10}, v[2] = (struct iovec){back + 10, 10};
    RET(preadv(fd, v, 3, 0));
    RET(preadv(fd, v, 3, 1020));
    RET(pwritev(fd, v, 3, 0));
    v[1].iov_len = 0;
    RET(preadv(fd, v, 3, 0));
    RET(preadv(fd, v, 3, -1));
    RET(syscall(SYS_preadv2, fd, v, 3, -1, 0, 0));
    RET(syscall(SYS_preadv2, fd, v, 3, 0, 0, 0x10000));
    RET(lseek(fd, 5, SEEK_SET));
    RET(syscall(SYS_preadv2, fd, v, 3, -1l, -1l, 0));
    RET(lseek(fd, 0, SEEK_CUR));
    v[0] = (struct iovec){"ABC", 3};
    RET(pwritev(fd, v, 1, 2000));
    RET(lseek(fd, 0, SEEK_END));
    int pipes[2];
    pipe(pipes);
    v[0] = (struct iovec){"one ", 4}, v[1] = (struct iovec){"two ", 4}, v[2] = (struct iovec){"three", 5};
    RET(writev(pipes[1], v, 3));
    v[0] = (struct iovec){back, 6}, v[1] = (struct iovec){back + 6, 100};
    RET(readv(pipes[0], v, 2));
    say("%.13s", back);
    RET(preadv(pipes[0], v, 1, 0));
    return 0;
}
