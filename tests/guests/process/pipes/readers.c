// Several readers of one pipe: each byte comes to one of them.
#include "process.h"
int main(void)
{
    int fd[2];
    long *sum = shared_page(PAGE);
    pipe(fd);
    pid_t child[5];
    for (int k = 0; k < 5; k++)
        child[k] = CHILD({
            unsigned char b[7];
            close(fd[1]);
            for (long n; (n = read(fd[0], b, 7)) > 0;)
                for (long i = 0; i < n; i++)
                    sum[2 * k]++, sum[2 * k + 1] += b[i];
        });
    close(fd[0]);
    long expected = 0;
    for (int i = 0; i < 3000; i++) {
        unsigned char c = (unsigned char)(i * 31);
        expected += c;
        write(fd[1], &c, 1);
    }
    close(fd[1]);
    long count = 0, total = 0;
    for (int k = 0; k < 5; k++)
        status_of(child[k]), count += sum[2 * k], total += sum[2 * k + 1];
    say("%ld bytes, sum right %d", count, total == expected);
    return 0;
}
