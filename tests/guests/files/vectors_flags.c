// preadv2 and pwritev2: the file's own offset, flags, what cannot seek; writes to pipes and sockets whose readers go away.
#include "guest.h"
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
static volatile int signals;
static void handler(int s)
{
    (void)s;
    signals++;
}
static int p[2];
static void *leave(void *fd)
{
    static char c[1000];
    sleep_ms(15);
    read((int)(long)fd, c, sizeof c);
    close((int)(long)fd);
    return NULL;
}
int main(void)
{
    static char big[300000], text[100];
    struct iovec v[2] = {{text, 3}, {text + 3, 4}}, w[2] = {{"AB", 2}, {"CD", 2}}, wrong[2] = {{text, 3}, {text, (size_t)-1}};
    struct sigaction sa = {.sa_handler = handler};
    pthread_t t;
    int n, s[2];
    sigaction(SIGPIPE, &sa, 0);
    put_file("f", "0123456789", 10);
    int fd = open("f", O_RDWR), append = open("f", O_RDWR | O_APPEND), rd = open("f", O_RDONLY), wr = open("f", O_WRONLY);
    pipe(p);
    RET(preadv2(fd, v, 2, -1, 0));
    say("%.7s", text);
    RET(lseek(fd, 0, SEEK_CUR));
    RET(preadv2(fd, v, 2, 1, 0));
    say("%.7s", text);
    RET(lseek(fd, 0, SEEK_CUR));
    RET(preadv2(fd, v, 2, -2, 0));
    RET(preadv2(fd, v, 2, 0, 0x1000));
    RET(preadv2(fd, v, 2, -1, RWF_APPEND));
    RET(preadv2(p[0], v, 2, 0, 0));
    RET(preadv2(wr, v, 2, 0, 0));
    RET(preadv2(99, v, 2, 0, 0));
    RET(preadv2(fd, v, -1, 0, 0));
    RET(preadv2(fd, v, 0, -1, 0));
    RET(preadv2(fd, wrong, 2, 0, 0));
    RET(readv(fd, wrong, 2));
    RET(readv(fd, wrong, 1025));
    RET(pwritev2(fd, w, 2, -1, 0));
    RET(lseek(fd, 0, SEEK_CUR));
    RET(pwritev2(fd, w, 2, 2, RWF_SYNC | RWF_DSYNC));
    RET(pwritev2(fd, w, 2, 2, RWF_APPEND));
    RET(pwritev2(fd, w, 2, -1, RWF_APPEND));
    RET(lseek(fd, 0, SEEK_CUR));
    RET(pwritev(append, w, 2, 0));
    RET(pwritev2(rd, w, 2, 0, 0));
    RET(pwritev2(fd, w, 2, 0, 0x1000));
    RET(pwritev2(p[1], w, 2, 0, 0));
    RET(pwritev2(p[1], w, 2, -1, 0));
    RET(preadv2(p[0], v, 2, -1, 0));
    memset(text, 0, sizeof text);
    RET(pread(fd, text, 99, 0));
    say("%s", text);
    RET(ioctl(fd, FIONREAD, &n));
    say("%d left", n);
    lseek(fd, 3, SEEK_SET);
    RET(ioctl(fd, FIONREAD, &n));
    say("%d left", n);
    // What the flags of an open file show.
    RET(fcntl(fd, F_GETFL));
    RET(fcntl(append, F_GETFL));
    RET(fcntl(p[1], F_GETFL));
    RET(fcntl(open("f", O_PATH), F_GETFL));
    RET(fcntl(open(".", O_RDONLY | O_DIRECTORY), F_GETFL));
    RET(fcntl(creat("g", 0600), F_GETFL));
    RET(fcntl(memfd_create("m", 0), F_GETFL));
    // The order of complaints.
    RET(pread(p[0], (void *)8, 1, 0));
    RET(pread(wr, (void *)-1, 1, 0));
    RET(pread(99, text, 1, -1));
    RET(read(wr, (void *)-1, 1));
    RET(read(fd, text, (size_t)-1));
    RET(read(fd, text, (size_t)1 << 46));
    RET(write(rd, (void *)-1, 1));
    RET(write(fd, text, (size_t)1 << 62));
    // Readers that go away in the middle of a write.
    pthread_create(&t, 0, leave, (void *)(long)p[0]);
    n = (int)write(p[1], big, sizeof big);
    YES(n > 0 && n < (int)sizeof big);
    pthread_join(t, 0);
    say("signals %d", signals);
    RET(write(p[1], big, 1));
    RET(write(p[1], big, 0));
    say("signals %d", signals);
    int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
    for (int i = 0; i < 3; i++) {
        signals = 0;
        socketpair(AF_UNIX, types[i], 0, s);
        if (types[i] == SOCK_STREAM) {
            pthread_create(&t, 0, leave, (void *)(long)s[1]);
            n = (int)write(s[0], big, sizeof big);
            YES(n > 0 && n < (int)sizeof big);
            pthread_join(t, 0);
            say("signals %d", signals);
        } else
            close(s[1]);
        RET(write(s[0], big, 1));
        RET(send(s[0], big, 1, 0));
        RET(send(s[0], big, 1, MSG_NOSIGNAL));
        say("signals %d", signals);
    }
    return 0;
}
