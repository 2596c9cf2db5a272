// splice, tee and vmsplice: kinds of files, offsets, waiting, ends that are gone, flags; sendfile to sockets and pipes.
#include "guest.h"
#include <sys/eventfd.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
static int a[2], b[2];
static volatile int signals;
static void handler(int s)
{
    (void)s;
    signals++;
}
static void *feed(void *text)
{
    sleep_ms(15);
    write(a[1], text, strlen(text));
    return NULL;
}
static void *drain(void *n)
{
    static char c[70000];
    sleep_ms(15);
    read(b[0], c, (size_t)(long)n);
    return NULL;
}
static void *close_writer(void *x)
{
    sleep_ms(15);
    close(a[1]);
    return x;
}
int main(void)
{
    static char big[200000], text[200000];
    int s[2], fd, event = eventfd(1, 0), zero[2];
    pthread_t t;
    loff_t at;
    struct sigaction sa = {.sa_handler = handler};
    sigaction(SIGPIPE, &sa, 0), sigaction(SIGALRM, &sa, 0);
    memset(big, 'b', sizeof big);
    put_file("f", big, sizeof big);
    pipe(a), pipe(b), pipe(zero);
    fd = open("f", O_RDWR);
    // Waiting for input, for room, for the end.
    pthread_create(&t, 0, feed, "fed");
    RET(splice(a[0], 0, b[1], 0, 100, 0));
    pthread_join(t, 0);
    RET(read(b[0], text, 100));
    pthread_create(&t, 0, feed, "tee");
    RET(tee(a[0], b[1], 100, 0));
    pthread_join(t, 0);
    RET(read(b[0], text, 100));
    RET(read(a[0], text, 100));
    RET(splice(a[0], 0, b[1], 0, 100, SPLICE_F_NONBLOCK));
    RET(tee(a[0], b[1], 100, SPLICE_F_NONBLOCK));
    RET(splice(fd, 0, b[1], 0, 65536, 0));
    RET(splice(fd, 0, b[1], 0, 65536, SPLICE_F_NONBLOCK));
    pthread_create(&t, 0, drain, (void *)65536l);
    RET(splice(fd, 0, b[1], 0, 5000, 0));
    pthread_join(t, 0);
    RET(lseek(fd, 0, SEEK_CUR));
    ualarm(10000, 0);
    RET(splice(a[0], 0, b[1], 0, 100, 0));
    say("signals %d", signals);
    // Errors.
    RET(splice(a[0], 0, b[1], 0, 0, 99));
    RET(splice(a[0], 0, b[1], 0, 1, 99));
    RET(splice(99, 0, b[1], 0, 1, 0));
    RET(splice(a[0], 0, 99, 0, 1, 0));
    RET(splice(a[1], 0, b[1], 0, 1, 0));
    RET(splice(a[0], 0, b[0], 0, 1, 0));
    RET(splice(a[0], 0, a[1], 0, 1, 0));
    RET(splice(a[0], &at, b[1], 0, 1, 0));
    RET(splice(fd, (void *)8, b[1], 0, 1, 0));
    RET(splice(fd, (at = -1, &at), b[1], 0, 1, 0));
    RET(splice(event, 0, b[1], 0, 1, 0));
    RET(splice(b[0], 0, event, 0, 8, 0));
    RET(tee(a[0], fd, 1, 0));
    RET(tee(a[0], a[1], 1, 0));
    RET(tee(a[0], b[1], 0, 0));
    RET(tee(a[0], b[1], 1, 99));
    int append = open("f", O_WRONLY | O_APPEND), dir = open(".", O_RDONLY);
    RET(splice(b[0], 0, append, 0, 8, 0));
    RET(splice(dir, 0, b[1], 0, 8, 0));
    // With offsets.
    at = 100;
    RET(splice(b[0], 0, fd, &at, 3000, 0));
    say("%ld", (long)at);
    at = 199990;
    RET(splice(fd, &at, b[1], 0, 100, 0));
    say("%ld", (long)at);
    RET(splice(fd, &at, b[1], 0, 100, 0));
    read(b[0], text, sizeof text);
    // Sockets.
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    write(a[1], "to the socket", 13);
    RET(splice(a[0], 0, s[0], 0, 100, 0));
    RET(splice(s[1], 0, b[1], 0, 6, 0));
    RET(splice(s[1], 0, b[1], 0, 60, 0));
    RET(splice(s[1], 0, b[1], 0, 60, SPLICE_F_NONBLOCK));
    RET(splice(s[1], (at = 0, &at), b[1], 0, 60, SPLICE_F_NONBLOCK));
    RET(read(b[0], text, 100));
    // Memory.
    struct iovec v[3] = {{"one ", 4}, {"two", 3}, {big, 4096}};
    RET(vmsplice(b[1], v, 2, 0));
    RET(read(b[0], text, 100));
    RET(vmsplice(b[1], v, 0, 0));
    RET(vmsplice(b[1], v, 2, 99));
    RET(vmsplice(fd, v, 2, 0));
    RET(vmsplice(99, v, 2, 0));
    write(b[1], "to memory", 9);
    v[0] = (struct iovec){text, 3}, v[1] = (struct iovec){text + 3, 100};
    memset(text, 0, 20);
    RET(vmsplice(b[0], v, 2, 0));
    say("%s", text);
    RET(vmsplice(b[0], v, 2, SPLICE_F_NONBLOCK));
    RET(vmsplice(b[1], (void *)8, 2, 0));
    v[0] = (struct iovec){(void *)8, 4};
    RET(vmsplice(b[1], v, 1, 0));
    // Sending files.
    RET(sendfile(zero[1], fd, (at = 0, &at), 10));
    RET(read(zero[0], text, 100));
    RET(sendfile(s[0], fd, (at = 199000, &at), 2000));
    say("%ld", (long)at);
    RET(read(s[1], text, sizeof text));
    fcntl(b[1], F_SETFL, O_NONBLOCK);
    RET(sendfile(b[1], fd, (at = 0, &at), 100000));
    RET(sendfile(b[1], fd, (at = 0, &at), 100000));
    RET(sendfile(s[0], a[0], 0, 10));
    RET(sendfile(s[0], s[1], 0, 10));
    RET(sendfile(event, fd, 0, 8));
    // Ends that are gone.
    signals = 0;
    close(s[1]);
    RET(sendfile(s[0], fd, (at = 0, &at), 10));
    close(b[0]);
    RET(sendfile(b[1], fd, (at = 0, &at), 10));
    RET(splice(fd, (at = 0, &at), b[1], 0, 10, 0));
    v[0] = (struct iovec){"x", 1};
    RET(vmsplice(b[1], v, 1, 0));
    write(a[1], "x", 1);
    RET(splice(a[0], 0, b[1], 0, 10, 0));
    RET(tee(a[0], b[1], 10, 0));
    say("signals %d", signals);
    read(a[0], text, 100);
    pipe(b);
    pthread_create(&t, 0, close_writer, 0);
    RET(splice(a[0], 0, b[1], 0, 10, 0));
    pthread_join(t, 0);
    RET(tee(a[0], b[1], 10, 0));
    RET(splice(a[0], 0, fd, 0, 10, 0));
    return 0;
}
