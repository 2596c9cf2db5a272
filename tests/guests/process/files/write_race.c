// Four processes write records through one description: none is lost, none overwritten.
#include "process.h"
int main(void)
{
    int fd = open("f", O_CREAT | O_RDWR, 0600);
    pid_t child[4];
    for (int k = 0; k < 4; k++)
        child[k] = CHILD({
            char record[8];
            for (int i = 0; i < 200; i++) {
                snprintf(record, 8, "%d%06d", k, i);
                write(fd, record, 7);
            }
        });
    for (int k = 0; k < 4; k++)
        status_of(child[k]);
    struct stat st;
    fstat(fd, &st);
    int next[4] = {0}, good = 0;
    char record[8] = {0};
    lseek(fd, 0, SEEK_SET);
    while (read(fd, record, 7) == 7) {
        int k = record[0] - '0';
        good += k >= 0 && k < 4 && atoi(record + 1) == next[k]++;
    }
    say("size %ld, records in order %d", (long)st.st_size, good);
    return 0;
}
