// 4 MiB through a socket pair, both directions at once.
#include "process.h"
#define SIZE (4u << 20)
static void pump(int fd, unsigned seed)
{
    static unsigned char out[30011], in[20011];
    unsigned sent = 0, got = 0, wrong = 0;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    while (sent < SIZE || got < SIZE) {
        struct pollfd p = {fd, (short)((sent < SIZE ? POLLOUT : 0) | (got < SIZE ? POLLIN : 0)), 0};
        poll(&p, 1, -1);
        if (p.revents & POLLOUT) {
            unsigned n = SIZE - sent < sizeof out ? SIZE - sent : sizeof out;
            for (unsigned i = 0; i < n; i++)
                out[i] = (unsigned char)((sent + i + seed) * 2654435761u >> 24);
            long put = write(fd, out, n);
            sent += put > 0 ? put : 0;
        }
        if (p.revents & POLLIN) {
            long n = read(fd, in, sizeof in);
            for (long i = 0; i < n; i++)
                wrong += in[i] != (unsigned char)((got + i + 1 - seed) * 2654435761u >> 24);
            got += n > 0 ? n : 0;
        }
    }
    say("sent %u, got %u, wrong %u", sent, got, wrong);
}
int main(void)
{
    int s[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    pid_t child = CHILD(pump(s[1], 1));
    static gate unused;
    (void)unused;
    pump(s[0], 0);
    reap("child", child);
    return 0;
}
