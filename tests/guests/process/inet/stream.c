// A large transfer between processes, both ways, with flow control; a non-blocking connect; time-outs; datagrams.
#include "../../inet/inet.h"
#include "process.h"

enum { TOTAL = 6000000 };

static void put_all(int fd)
{
    static char block[40000];
    long done = 0;
    while (done < TOTAL) {
        size_t size = sizeof block < (size_t)(TOTAL - done) ? sizeof block : (size_t)(TOTAL - done);
        for (size_t i = 0; i < size; i++)
            block[i] = (char)((done + (long)i) * 7);
        long n = write(fd, block, size);
        if (n < 0)
            die("write");
        done += n;
    }
    shutdown(fd, SHUT_WR);
}

static void get_all(const char *what, int fd)
{
    static char block[50000];
    long done = 0, bad = 0, n;
    while ((n = read(fd, block, sizeof block)) > 0) {
        for (long i = 0; i < n; i++)
            bad += block[i] != (char)((done + i) * 7);
        done += n;
    }
    say("%s: %ld bytes, %ld bad, end %ld", what, done, bad, n);
}

int main(void)
{
    alarm(100);
    int listener = listener_at("127.0.0.1", 4), port = port_of(listener);
    pid_t child = CHILD({
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        int r = connect_to(fd, "127.0.0.1", port);
        if (r && errno != EINPROGRESS)
            die("connect");
        struct pollfd p = {fd, POLLOUT, 0};
        poll(&p, 1, -1);
        if (so_error(fd))
            die("error");
        fcntl(fd, F_SETFL, 0);
        put_all(fd);
        get_all("child", fd);
    });
    int fd = accept(listener, 0, 0);
    get_all("parent", fd);
    put_all(fd);
    reap("child", child);
    close(fd);
    int receiver = socket(AF_INET, SOCK_DGRAM, 0);
    address a;
    socklen_t length = make(&a, "127.0.0.1", 0);
    bind(receiver, &a.any, length);
    int to = port_of(receiver);
    child = CHILD({
        int s = socket(AF_INET, SOCK_DGRAM, 0);
        failed("connect", connect_to(s, "127.0.0.1", to));
        char bytes[2000];
        for (int i = 1; i <= 20; i++) {
            memset(bytes, 'a' + i, sizeof bytes);
            send(s, bytes, (size_t)i * 100, 0);
            if (recv(s, bytes, sizeof bytes, 0) != i)
                die("answer");
        }
    });
    for (int i = 1; i <= 20; i++) {
        char bytes[3000];
        length = sizeof a;
        long n = recvfrom(receiver, bytes, sizeof bytes, 0, &a.any, &length);
        if (n != i * 100 || bytes[n - 1] != 'a' + i)
            die("datagram");
        sendto(receiver, bytes, (size_t)i, 0, &a.any, length);
    }
    reap("datagrams", child);
    int after = socket(AF_INET, SOCK_DGRAM, 0);
    connect_to(after, "127.0.0.1", to);
    close(receiver);
    failed("refused", send(after, "x", 1, 0));
    failed("refused", send(after, "x", 1, 0));
    struct timeval time = {0, 50000};
    setsockopt(after, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    receive("time-out", after, 1, 0);
    fd = socket(AF_INET6, SOCK_STREAM, 0);
    length = make(&a, "::1", 0);
    failed("six", bind(fd, &a.any, length));
    failed("listen", listen(fd, 1));
    to = port_of(fd);
    child = CHILD({
        int six = socket(AF_INET6, SOCK_STREAM, 0);
        failed("connect", connect_to(six, "::1", to));
        names("six", six);
        receive("six", six, 9, 0);
    });
    length = sizeof a;
    int accepted = accept4(fd, &a.any, &length, SOCK_CLOEXEC);
    write(accepted, "welcome", 7);
    close(accepted);
    reap("six", child);
    say("from %s", show(&a, length));
    failed("old protocol", socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
    close(fd);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    failed("nobody", connect_to(fd, "127.0.0.1", to));
    return 0;
}
