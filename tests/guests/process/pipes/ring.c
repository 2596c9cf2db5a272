// A token runs fifty times around a ring of twelve processes.
#include "process.h"
int main(void)
{
    enum { N = 12 };
    int fd[N][2];
    for (int i = 0; i < N; i++)
        pipe(fd[i]);
    pid_t child[N];
    for (int i = 1; i < N; i++)
        child[i] = CHILD({
            int token;
            for (int round = 0; round < 50; round++) {
                read(fd[i - 1][0], &token, 4);
                token++;
                write(fd[i][1], &token, 4);
            }
        });
    int token = 0;
    for (int round = 0; round < 50; round++) {
        write(fd[0][1], &token, 4);
        read(fd[N - 1][0], &token, 4);
    }
    say("token %d", token);
    for (int i = 1; i < N; i++)
        status_of(child[i]);
    return 0;
}
