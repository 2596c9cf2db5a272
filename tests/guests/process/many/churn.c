// 300 children one after the other, and then 300 by eights: pids, statuses and descriptors leave nothing behind.
// slow
#include "process.h"
int main(void)
{
    int right = 0, before = dup(1);
    close(before);
    for (int i = 0; i < 300; i++)
        right += WEXITSTATUS(status_of(CHILD(_exit(i % 200)))) == i % 200;
    say("one by one %d", right);
    right = 0;
    for (int i = 0; i < 300; i += 8) {
        pid_t child[8];
        int fd[8][2];
        for (int k = 0; k < 8; k++) {
            pipe(fd[k]);
            child[k] = CHILD(write(fd[k][1], &k, 4));
        }
        for (int k = 0; k < 8; k++) {
            int got = -1;
            read(fd[k][0], &got, 4);
            right += got == k && status_of(child[k]) == 0;
            close(fd[k][0]), close(fd[k][1]);
        }
    }
    int after = dup(1);
    say("by eights %d, descriptors as before %d", right, before == after);
    RET(wait(NULL));
    return 0;
}
