// Writes of up to PIPE_BUF bytes by six processes are never torn.
#include "process.h"
int main(void)
{
    int fd[2];
    static char b[4096];
    pipe(fd);
    pid_t child[6];
    for (int k = 0; k < 6; k++)
        child[k] = CHILD({
            static char record[4096];
            for (int i = 0; i < 40; i++) {
                int size = 8 + (k * 677 + i * 131) % 4089;
                memset(record, 'a' + k, size);
                memcpy(record, &size, 4), memcpy(record + 4, &k, 4);
                if (write(fd[1], record, size) != size)
                    _exit(1);
            }
        });
    close(fd[1]);
    int records = 0, torn = 0;
    FILE *f = fdopen(fd[0], "r");
    int head[2];
    while (fread(head, 4, 2, f) == 2) {
        if (head[0] < 8 || head[0] > 4096 || head[1] < 0 || head[1] > 5)
            die("torn head");
        fread(b, 1, head[0] - 8, f);
        records++;
        for (int i = 0; i < head[0] - 8; i++)
            if (b[i] != 'a' + head[1]) {
                torn++;
                break;
            }
    }
    say("records %d, torn %d", records, torn);
    for (int k = 0; k < 6; k++)
        reap("writer", child[k]);
    return 0;
}
