// A pipeline of ten processes: 100 KiB pass through all of them.
#include "process.h"
int main(void)
{
    int in[2];
    pipe(in);
    int first = in[1], previous = in[0];
    pid_t stage[10];
    for (int k = 0; k < 10; k++) {
        int next[2];
        pipe(next);
        stage[k] = CHILD({
            static unsigned char b[3000];
            close(first), close(next[0]);
            for (long n; (n = read(previous, b, sizeof b)) > 0;) {
                for (long i = 0; i < n; i++)
                    b[i]++;
                write(next[1], b, n);
            }
        });
        close(previous), close(next[1]);
        previous = next[0];
    }
    pid_t feeder = CHILD({
        close(previous);
        for (int i = 0; i < 100; i++) {
            unsigned char b[1024];
            memset(b, i, 1024);
            write(first, b, 1024);
        }
    });
    close(first);
    unsigned char b[4096];
    long total = 0, wrong = 0;
    for (long n; (n = read(previous, b, sizeof b)) > 0; total += n)
        for (long i = 0; i < n; i++)
            wrong += b[i] != (unsigned char)((total + i) / 1024 + 10);
    say("%ld bytes, %ld wrong", total, wrong);
    for (int k = 0; k < 10; k++)
        reap("stage", stage[k]);
    reap("feeder", feeder);
    return 0;
}
