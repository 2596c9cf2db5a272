// Two processes read one description in turn and at once: every byte is read exactly once.
#include "process.h"
int main(void)
{
    enum { N = 4000 };
    static unsigned char data[N];
    for (int i = 0; i < N; i++)
        data[i] = (unsigned char)(i * 13);
    put_file("f", data, N);
    int fd = open("f", O_RDONLY);
    long *sum = shared_page(PAGE);
    pid_t child[4];
    for (int k = 0; k < 4; k++)
        child[k] = CHILD({
            unsigned char c;
            while (read(fd, &c, 1) == 1)
                sum[k * 2] += c, sum[k * 2 + 1]++;
        });
    for (int k = 0; k < 4; k++)
        status_of(child[k]);
    long expected = 0;
    for (int i = 0; i < N; i++)
        expected += data[i];
    say("bytes %ld, sum right %d", sum[1] + sum[3] + sum[5] + sum[7], sum[0] + sum[2] + sum[4] + sum[6] == expected);
    return 0;
}
