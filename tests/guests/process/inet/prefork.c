// Workers that accept on one inherited listener, and clients that are processes, too; a worker that is killed; an epoll server.
#include "../../inet/inet.h"
#include "process.h"

static void serve(int listener)
{
    for (;;) {
        int fd = accept(listener, 0, 0);
        char line[100];
        long n = read(fd, line, sizeof line);
        for (long i = 0; i < n; i++)
            line[i] = (char)(line[i] - 'a' + 'A');
        write(fd, line, n);
        close(fd);
    }
}

int main(void)
{
    alarm(100);
    int listener = listener_at("127.0.0.1", 64), port = port_of(listener);
    pid_t workers[3];
    for (int i = 0; i < 3; i++)
        workers[i] = CHILD(serve(listener));
    pid_t clients[4];
    for (int i = 0; i < 4; i++)
        clients[i] = CHILD({
            close(listener);
            for (int k = 0; k < 8; k++) {
                int fd = socket(AF_INET, SOCK_STREAM, 0);
                if (connect_to(fd, "127.0.0.1", port))
                    die("connect");
                char line[10] = "";
                write(fd, "abc", 3);
                if (recv(fd, line, 3, MSG_WAITALL) != 3 || strcmp(line, "ABC"))
                    die("answer");
                if (read(fd, line, 1) != 0)
                    die("end");
                close(fd);
            }
        });
    for (int i = 0; i < 4; i++)
        reap("client", clients[i]);
    kill(workers[0], SIGKILL);
    reap("killed", workers[0]);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    failed("connect", connect_to(fd, "127.0.0.1", port));
    write(fd, "xyz", 3);
    receive("still served", fd, 9, MSG_WAITALL);
    close(fd);
    for (int i = 1; i < 3; i++) {
        kill(workers[i], SIGTERM);
        reap("ended", workers[i]);
    }
    // A connection whose process is killed with bytes unread, and one without.
    int gate_fd[2];
    pipe(gate_fd);
    for (int unread = 0; unread < 2; unread++) {
        pid_t child = CHILD({
            int c = accept(listener, 0, 0);
            write(c, "here", 4);
            write(gate_fd[1], "x", 1);
            pause();
        });
        fd = socket(AF_INET, SOCK_STREAM, 0);
        connect_to(fd, "127.0.0.1", port);
        char byte;
        read(gate_fd[0], &byte, 1);
        receive("alive", fd, 9, 0);
        if (unread)
            write(fd, "unread", 6);
        kill(child, SIGKILL);
        reap("killed", child);
        events("after", fd);
        receive("after", fd, 9, 0);
        close(fd);
    }
    // Edges of an epoll instance, from another process.
    fcntl(listener, F_SETFL, O_NONBLOCK);
    int epoll = epoll_create1(0);
    struct epoll_event event = {EPOLLIN | EPOLLRDHUP, {.fd = listener}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    pid_t child = CHILD({
        int c = socket(AF_INET, SOCK_STREAM, 0);
        connect_to(c, "127.0.0.1", port);
        write(c, "epoll", 5);
    });
    say("listener %d", epoll_wait(epoll, &event, 1, -1));
    fd = accept(listener, 0, 0);
    reap("child", child);
    event = (struct epoll_event){EPOLLIN | EPOLLRDHUP, {.fd = fd}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    int n = epoll_wait(epoll, &event, 1, -1);
    say("connection %d %x", n, event.events);
    receive("bytes", fd, 9, 0);
    receive("end", fd, 9, 0);
    return 0;
}
