// What lies in sockets at the first fork is there after it: connections that nobody has accepted with what they have sent, datagrams with their
// senders, what was shut down, a peer that is gone, options, who is on the other side; names in both namespaces.
// variants: static musl
#include "process.h"
#include <stddef.h>
#include <sys/un.h>
int main(void)
{
    char b[100];
    struct sockaddr_un path = {.sun_family = AF_UNIX, .sun_path = "stream"}, from, name = {.sun_family = AF_UNIX};
    socklen_t length, name_length = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(unique("") + 0);
    name_length = offsetof(struct sockaddr_un, sun_path) + 1 + snprintf(name.sun_path + 1, 80, "%s", unique(""));
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), first = socket(AF_UNIX, SOCK_STREAM, 0), second = socket(AF_UNIX, SOCK_STREAM, 0);
    MUST(bind(listener, (void *)&path, sizeof path)), listen(listener, 5);
    MUST(connect(first, (void *)&path, sizeof path)), MUST(connect(second, (void *)&path, sizeof path));
    write(first, "early", 5), write(second, "late", 4);
    close(second);
    int box = socket(AF_UNIX, SOCK_DGRAM, 0), sender = socket(AF_UNIX, SOCK_DGRAM, 0);
    struct sockaddr_un at = {.sun_family = AF_UNIX, .sun_path = "sender"};
    MUST(bind(box, (void *)&name, name_length)), MUST(bind(sender, (void *)&at, sizeof at));
    sendto(sender, "one", 3, 0, (void *)&name, name_length), sendto(sender, "second", 6, 0, (void *)&name, name_length);
    int half[2], gone[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, half), socketpair(AF_UNIX, SOCK_STREAM, 0, gone);
    write(half[0], "tail", 4), shutdown(half[0], SHUT_WR);
    write(gone[0], "last words", 10), close(gone[0]);
    struct timeval span = {0, 30000};
    setsockopt(half[0], SOL_SOCKET, SO_RCVTIMEO, &span, sizeof span);
    reap("child", CHILD({
        int c = accept(listener, NULL, NULL);
        RET(read(c, b, 100));
        int d = accept(listener, NULL, NULL);
        RET(read(d, b, 100));
        RET(read(d, b, 100));
        struct ucred u = {0};
        length = sizeof u;
        getsockopt(c, SOL_SOCKET, SO_PEERCRED, &u, &length);
        YES(u.pid == getppid());
        length = sizeof from;
        RET(recvfrom(box, b, 100, 0, (void *)&from, &length));
        say("from %s", from.sun_path);
        RET(recvfrom(box, b, 3, MSG_TRUNC, (void *)&from, &length));
        RET(recv(box, b, 3, MSG_DONTWAIT));
        RET(read(half[1], b, 100));
        RET(read(half[1], b, 100));
        RET(read(half[0], b, 100));
        RET(read(gone[1], b, 100));
        RET(read(gone[1], b, 100));
        signal(SIGPIPE, SIG_IGN);
        RET(write(gone[1], "x", 1));
        RET(write(c, "answer", 6));
        int third = socket(AF_UNIX, SOCK_STREAM, 0);
        RET(connect(third, (void *)&path, sizeof path));
        RET(sendto(third, "from the child", 14, 0, NULL, 0));
        int other = socket(AF_UNIX, SOCK_DGRAM, 0);
        RET(sendto(other, "nameless", 8, 0, (void *)&name, name_length));
    }));
    RET(read(first, b, 100));
    RET(read(first, b, 100));
    int c = accept(listener, NULL, NULL);
    RET(read(c, b, 100));
    RET(read(c, b, 100));
    length = sizeof from;
    RET(recvfrom(box, b, 100, 0, (void *)&from, &length));
    say("length of the address %u", (unsigned)length);
    return 0;
}
