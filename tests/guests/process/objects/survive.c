// Each kind of object, with three holders: who made it, a child of that one, and a sibling that got it in a message. One
// of them is killed in the middle of using it; the object goes on as before for the others.
// args: pipe creator
// args: pipe holder
// args: pipe sibling
// args: socketpair creator
// args: socketpair holder
// args: socketpair sibling
// args: seqpacket creator
// args: seqpacket sibling
// args: eventfd creator
// args: eventfd holder
// args: eventfd sibling
// args: memfd creator
// args: memfd holder
// args: memfd sibling
// args: file creator
// args: file holder
// args: file sibling
// args: epoll creator
// args: epoll sibling
// args: timerfd creator
// args: timerfd holder
// args: pty creator
// args: pty holder
// args: listener creator
// args: listener holder
// args: tcp creator
// args: tcp holder
#include "process.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
static const char *kind;
static int fd[3]; // the object: an end to put into, an end to take from
static bool is(const char *name) { return !strcmp(kind, name); }
static struct sockaddr_in address;
static void make(void)
{
    socklen_t length = sizeof address;
    if (is("pipe"))
        pipe(fd);
    else if (is("socketpair") || is("seqpacket"))
        socketpair(AF_UNIX, is("seqpacket") ? SOCK_SEQPACKET : SOCK_STREAM, 0, fd);
    else if (is("eventfd"))
        fd[0] = fd[1] = eventfd(0, EFD_SEMAPHORE);
    else if (is("memfd"))
        fd[0] = fd[1] = memfd_create("m", 0);
    else if (is("file"))
        fd[0] = fd[1] = open("file", O_CREAT | O_RDWR, 0600), unlink("file");
    else if (is("epoll")) {
        struct epoll_event e = {.events = EPOLLIN};
        pipe(fd);
        fd[2] = epoll_create1(0);
        epoll_ctl(fd[2], EPOLL_CTL_ADD, fd[0], &e);
    } else if (is("timerfd"))
        fd[0] = fd[1] = timerfd_create(CLOCK_MONOTONIC, 0);
    else if (is("pty")) {
        fd[1] = posix_openpt(O_RDWR | O_NOCTTY);
        unlockpt(fd[1]);
        fd[0] = open(ptsname(fd[1]), O_RDWR | O_NOCTTY);
    } else {
        address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        fd[0] = socket(AF_INET, SOCK_STREAM, 0);
        bind(fd[0], (void *)&address, sizeof address), listen(fd[0], 5), getsockname(fd[0], (void *)&address, &length);
        fd[1] = fd[0];
        if (is("tcp")) {
            int listener = fd[0];
            fd[1] = socket(AF_INET, SOCK_STREAM, 0);
            connect(fd[1], (void *)&address, sizeof address);
            fd[0] = accept(listener, NULL, NULL);
            close(listener);
        }
    }
    if (fd[2] == 0)
        fd[2] = dup(fd[0]);
}
static void put(char c)
{
    char line[2] = {c, '\n'};
    if (is("eventfd"))
        eventfd_write(fd[1], c);
    else if (is("memfd") || is("file")) {
        char *p;
        ftruncate(fd[1], PAGE);
        p = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd[1], 0);
        p[0] = c;
        munmap(p, PAGE);
    } else if (is("timerfd"))
        timerfd_settime(fd[1], 0, &(struct itimerspec){{0, 0}, {0, 1}}, NULL);
    else if (is("listener")) {
        int s = socket(AF_INET, SOCK_STREAM, 0);
        address.sin_family = AF_INET;
        socklen_t length = sizeof address;
        getsockname(fd[0], (void *)&address, &length);
        MUST(connect(s, (void *)&address, sizeof address));
        write(s, &c, 1);
    } else
        write(fd[1], line, is("pty") ? 2 : 1);
}
static int take(void)
{
    uint64_t v = 0;
    char c = 0, line[10];
    struct epoll_event e;
    if (is("eventfd")) {
        int n = 0;
        for (struct pollfd p = {fd[0], POLLIN, 0}; poll(&p, 1, 0) == 1 && read(fd[0], &v, 8) == 8;)
            n++;
        return n;
    }
    if (is("memfd") || is("file"))
        return pread(fd[0], &c, 1, 0) == 1 ? c : -1;
    if (is("timerfd"))
        return read(fd[0], &v, 8) == 8 ? (int)v : -1;
    if (is("epoll") && epoll_wait(fd[2], &e, 1, 5000) != 1)
        return -2;
    if (is("pty"))
        return read(fd[0], line, 10) == 2 ? line[0] : -1;
    if (is("listener")) {
        int s = accept(fd[0], NULL, NULL);
        read(s, &c, 1);
        close(s);
        return c;
    }
    return read(fd[0], &c, 1) == 1 ? c : -1;
}
static void transfer(int s, bool send)
{
    char control[CMSG_SPACE(sizeof fd)] = {0}, byte = 'x';
    struct iovec v = {&byte, 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    if (send) {
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS, c->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(c), fd, sizeof fd);
        MUST(sendmsg(s, &m, 0));
    } else {
        MUST(recvmsg(s, &m, 0));
        memcpy(fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
    }
}
// Serves commands: 'p' to put, 't' to take, 'k' to be ready for being killed.
static gate go[3], done[3];
static char *command;
static int *result;
static void serve(int n)
{
    for (;;) {
        await(go[n]);
        if (*command == 'p')
            put('A' + n);
        else if (*command == 't')
            *result = take();
        pass(done[n]);
    }
}
static int tell(int n, char c)
{
    *command = c;
    pass(go[n]);
    await(done[n]);
    return *result;
}
int main(int argc, char **argv)
{
    const char *names[] = {"creator", "holder", "sibling"};
    int s[2], victim = 0;
    (void)argc;
    kind = argv[1];
    under_reaper();
    while (strcmp(names[victim], argv[2]))
        victim++;
    command = shared_page(PAGE), result = shared_page(PAGE);
    for (int i = 0; i < 3; i++)
        go[i] = new_gate(), done[i] = new_gate();
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    pid_t *pid = shared_page(PAGE);
    pid[2] = CHILD(transfer(s[1], false); close(s[0]); close(s[1]); pass(done[2]); serve(2));
    pid[0] = CHILD({
        make();
        transfer(s[0], true);
        close(s[0]), close(s[1]);
        pid[1] = CHILD(serve(1));
        pass(done[0]);
        serve(0);
    });
    close(s[0]), close(s[1]);
    await(done[2]), await(done[0]);
    for (int i = 0; i < 3; i++) {
        tell(i, 'p');
        say("put by the %s, taken by the %s: %d", names[i], names[(i + 1) % 3], tell((i + 1) % 3, 't'));
    }
    kill(pid[victim], SIGKILL);
    if (victim == 1)
        settle_in(pid[1], 'Z'); // its parent is the creator
    else
        reap(names[victim], pid[victim]);
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++)
            if (i != victim && k != victim) {
                tell(i, 'p');
                say("put by the %s, taken by the %s: %d", names[i], names[k], tell(k, 't'));
            }
    for (int i = 0; i < 3; i++)
        if (i != victim)
            kill(pid[i], SIGKILL);
    return 0;
}
