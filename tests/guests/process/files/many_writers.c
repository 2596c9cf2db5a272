// Processes that create, rename and delete names in one directory at once: nothing is lost and nothing stays.
#include "process.h"
#include <dirent.h>
int main(void)
{
    mkdir("d", 0755);
    pid_t child[6];
    for (int k = 0; k < 6; k++)
        child[k] = CHILD({
            char a[30];
            char b[30];
            int bad = 0;
            for (int i = 0; i < 60; i++) {
                snprintf(a, 30, "d/%d-%d", k, i), snprintf(b, 30, "d/%d-%d-moved", k, i);
                int fd = open(a, O_CREAT | O_EXCL | O_WRONLY, 0600);
                bad += fd < 0 || write(fd, a, 5) != 5;
                close(fd);
                bad += rename(a, b) != 0;
                if (i % 10)
                    bad += unlink(b) != 0;
            }
            _exit(bad);
        });
    for (int k = 0; k < 6; k++)
        reap("child", child[k]);
    int n = 0;
    DIR *d = opendir("d");
    for (struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    say("left: %d", n);
    struct stat st;
    stat("d", &st);
    say("links of the directory: %ld", (long)st.st_nlink);
    return 0;
}
