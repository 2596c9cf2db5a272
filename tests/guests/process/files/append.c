// O_APPEND by several processes with descriptions of their own: every record whole and once.
#include "process.h"
int main(void)
{
    close(open("f", O_CREAT | O_RDWR, 0600));
    pid_t child[4];
    for (int k = 0; k < 4; k++)
        child[k] = CHILD({
            int fd = open("f", O_WRONLY | O_APPEND);
            char record[101];
            memset(record, 'a' + k, 100);
            for (int i = 0; i < 100; i++)
                write(fd, record, 100);
            RET(lseek(fd, 0, SEEK_CUR) > 0 && lseek(fd, 0, SEEK_CUR) % 100 == 0);
        });
    for (int k = 0; k < 4; k++)
        status_of(child[k]);
    int fd = open("f", O_RDONLY), whole = 0, count[4] = {0};
    char record[100];
    while (read(fd, record, 100) == 100) {
        bool same = record[0] >= 'a' && record[0] < 'e';
        for (int i = 1; i < 100; i++)
            same = same && record[i] == record[0];
        whole += same;
        if (same)
            count[record[0] - 'a']++;
    }
    say("%d whole: %d %d %d %d", whole, count[0], count[1], count[2], count[3]);
    return 0;
}
