// Named pipes: opening blocks until the other end comes; nonblocking opens; O_RDWR.
#include "guest.h"
static void *opener(void *unused)
{
    (void)unused;
    sleep_ms(10);
    int fd = open("p", O_WRONLY);
    write(fd, "hello", 5);
    close(fd);
    return NULL;
}
int main(void)
{
    char b[10] = {0};
    RET(mkfifo("p", 0644));
    RET(mkfifo("p", 0644));
    OK(open("p", O_WRONLY | O_NONBLOCK));
    int fd = OK(open("p", O_RDONLY | O_NONBLOCK)) ;
    RET(read(fd, b, 1));
    int wr = MUST(open("p", O_WRONLY | O_NONBLOCK));
    RET(read(fd, b, 1));
    RET(write(wr, "abc", 3));
    RET(read(fd, b, 10));
    close(wr), close(fd);
    pthread_t t;
    pthread_create(&t, 0, opener, 0);
    fd = MUST(open("p", O_RDONLY));
    RET(read(fd, b, 10));
    say("%s", b);
    RET(read(fd, b, 10));
    pthread_join(t, 0);
    close(fd);
    fd = MUST(open("p", O_RDWR));
    RET(write(fd, "xy", 2));
    RET(read(fd, b, 10));
    RET(lseek(fd, 0, SEEK_SET));
    RET(mknod("q", S_IFIFO | 0600, 0));
    RET(mknod("r", S_IFREG | 0600, 0));
    RET(mknod("r", S_IFREG | 0600, 0));
    RET(mknod("s", S_IFDIR | 0600, 0));
    RET(unlink("p"));
    return 0;
}
