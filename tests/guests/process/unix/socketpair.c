// socketpair between processes, each kind: data, record borders, shutdown, end of file, EPIPE.
// args: stream
// args: dgram
// args: seqpacket
#include "process.h"
int main(int argc, char **argv)
{
    int kind = argv[1][0] == 's' ? argv[1][1] == 't' ? SOCK_STREAM : SOCK_SEQPACKET : SOCK_DGRAM, s[2];
    char b[100] = {0};
    (void)argc;
    handle(SIGPIPE, SIG_IGN, 0);
    RET(socketpair(AF_UNIX, kind, 0, s));
    pid_t child = CHILD({
        close(s[0]);
        write(s[1], "one", 3), write(s[1], "two", 3);
        long n = read(s[1], b, 100);
        say("child got %.*s", (int)n, b);
        send(s[1], "bye", 3, 0);
    });
    write(s[0], "hello", 5);
    reap("child", child);
    long n = read(s[0], b, 4);
    say("%ld %.*s", n, (int)n, b);
    n = read(s[0], b, 100);
    say("%ld %.*s", n, (int)n, b);
    fcntl(s[0], F_SETFL, O_NONBLOCK);
    if (kind != SOCK_STREAM)
        RET(read(s[0], b, 100));
    close(s[1]);
    RET(read(s[0], b, 100));
    RET(write(s[0], "x", 1));
    socketpair(AF_UNIX, kind, 0, s);
    child = CHILD({
        RET(read(s[1], b, 100));
        RET(write(s[1], "still", 5));
        RET(shutdown(s[1], SHUT_RD));
    });
    if (kind != SOCK_DGRAM)
        MUST(shutdown(s[0], SHUT_WR));
    else
        MUST(send(s[0], "", 0, 0));
    reap("child", child);
    RET(read(s[0], b, 100));
    return 0;
}
