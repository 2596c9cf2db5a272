// 8 MiB through a pipe in chunks of odd sizes on both sides: the content is right.
#include "process.h"
#define SIZE (8u << 20)
int main(void)
{
    int fd[2];
    pipe(fd);
    pid_t child = CHILD({
        static unsigned char b[100003];
        close(fd[0]);
        unsigned done = 0;
        for (unsigned k = 0; done < SIZE; k++) {
            unsigned n = 1 + k * 7919 % sizeof b;
            if (n > SIZE - done)
                n = SIZE - done;
            for (unsigned i = 0; i < n; i++)
                b[i] = (unsigned char)((done + i) * 2654435761u >> 24);
            for (unsigned at = 0; at < n;) {
                long put = write(fd[1], b + at, n - at);
                if (put <= 0)
                    _exit(1);
                at += put;
            }
            done += n;
        }
    });
    static unsigned char b[70001];
    unsigned done = 0, wrong = 0;
    close(fd[1]);
    for (unsigned k = 0;; k++) {
        long n = read(fd[0], b, 1 + k * 104729 % sizeof b);
        if (n <= 0)
            break;
        for (long i = 0; i < n; i++)
            wrong += b[i] != (unsigned char)((done + i) * 2654435761u >> 24);
        done += n;
    }
    say("%u bytes, %u wrong", done, wrong);
    reap("child", child);
    return 0;
}
