// Readers and writers that open and close ends again and again; the parent sees the right number of bytes.
#include "process.h"
int main(void)
{
    int fd[2], total = 0;
    pipe(fd);
    for (int i = 0; i < 30; i++)
        CHILD({
            int copy = dup(fd[1]);
            close(fd[1]), close(fd[0]);
            char b[100] = {0};
            write(copy, b, 1 + i * 3);
            close(copy);
        });
    close(fd[1]);
    char b[57];
    for (long n; (n = read(fd[0], b, sizeof b)) > 0;)
        total += n;
    while (wait(NULL) > 0)
        ;
    say("total %d", total);
    return 0;
}
