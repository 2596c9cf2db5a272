// A shared file mapping and a lock: four processes append records to a log in the mapping.
#include "process.h"
#include <sys/file.h>
int main(void)
{
    int fd = open("f", O_CREAT | O_RDWR, 0600), count[4] = {0}, torn = 0;
    ftruncate(fd, 8 * PAGE);
    pid_t child[4];
    for (int k = 0; k < 4; k++)
        child[k] = CHILD({
            int own = open("f", O_RDWR);
            volatile int *log = mmap(0, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, own, 0);
            for (int i = 0; i < 100; i++) {
                flock(own, LOCK_EX);
                int n = log[0];
                log[1 + 2 * n] = k, log[2 + 2 * n] = i;
                log[0] = n + 1;
                flock(own, LOCK_UN);
            }
        });
    for (int k = 0; k < 4; k++)
        status_of(child[k]);
    int log[1 + 2 * 400];
    pread(fd, log, sizeof log, 0);
    for (int n = 0; n < log[0]; n++)
        torn += log[1 + 2 * n] < 0 || log[1 + 2 * n] > 3 || log[2 + 2 * n] != count[log[1 + 2 * n] & 3]++;
    say("records %d, torn %d", log[0], torn);
    return 0;
}
