// Threads that make, rename, list and remove files of one directory at the same time.
#include "guest.h"
#include <dirent.h>
static volatile int stop;
static void *maker(void *id)
{
    long bad = 0;
    for (int i = 0; i < 400; i++) {
        char a[40], b[40], text[40] = {0};
        snprintf(a, sizeof a, "d/%ld-%d", (long)id, i), snprintf(b, sizeof b, "d/%ld-%d-renamed", (long)id, i);
        int fd = open(a, O_CREAT | O_EXCL | O_RDWR, 0644);
        bad += fd < 0 || write(fd, a, strlen(a)) != (ssize_t)strlen(a);
        close(fd);
        bad += rename(a, b) != 0;
        fd = open(b, O_RDONLY);
        bad += read(fd, text, 39) != (ssize_t)strlen(a) || strcmp(text, a);
        close(fd);
        if (i % 4)
            bad += unlink(b) != 0;
        bad += access(a, F_OK) == 0;
    }
    return (void *)bad;
}
static void *lister(void *unused)
{
    long bad = 0;
    (void)unused;
    while (!stop) {
        DIR *d = opendir("d");
        struct dirent *e;
        while ((e = readdir(d)))
            bad += !e->d_name[0];
        closedir(d);
    }
    return (void *)bad;
}
int main(void)
{
    pthread_t t[5];
    long bad = 0;
    void *r;
    mkdir("d", 0755);
    for (long i = 0; i < 4; i++)
        pthread_create(&t[i], 0, maker, (void *)i);
    pthread_create(&t[4], 0, lister, 0);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], &r), bad += (long)r;
    stop = 1;
    pthread_join(t[4], &r), bad += (long)r;
    int left = -2;
    DIR *d = opendir("d");
    while (readdir(d))
        left++;
    say("bad %ld, left %d", bad, left);
    return 0;
}
