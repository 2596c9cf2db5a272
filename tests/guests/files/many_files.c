// A thousand files and directories: made, found, listed, removed.
#include "guest.h"
#include <dirent.h>
int main(void)
{
    char path[100];
    int bad = 0, listed = 0;
    for (int i = 0; i < 30; i++) {
        snprintf(path, sizeof path, "d%d", i);
        bad += mkdir(path, 0755) != 0;
        for (int k = 0; k < 40; k++) {
            snprintf(path, sizeof path, "d%d/f%d", i, k);
            put_file(path, path, strlen(path));
        }
    }
    for (int i = 0; i < 30; i++) {
        for (int k = 0; k < 40; k++) {
            char text[100] = {0};
            snprintf(path, sizeof path, "d%d/f%d", i, k);
            int fd = open(path, O_RDONLY);
            bad += read(fd, text, 99) != (ssize_t)strlen(path) || strcmp(text, path);
            close(fd);
        }
        snprintf(path, sizeof path, "d%d", i);
        DIR *d = opendir(path);
        while (readdir(d))
            listed++;
        closedir(d);
    }
    say("bad %d listed %d", bad, listed);
    for (int i = 0; i < 30; i++) {
        for (int k = 0; k < 40; k++) {
            snprintf(path, sizeof path, "d%d/f%d", i, (k * 7) % 40);
            bad += unlink(path) != 0;
        }
        snprintf(path, sizeof path, "d%d", i);
        bad += rmdir(path) != 0;
    }
    say("bad %d", bad);
    // One file of 32 MiB, checked.
    int fd = MUST(open("big", O_CREAT | O_RDWR, 0644));
    static uint32_t block[65536];
    for (uint32_t n = 0; n < 128; n++) {
        for (uint32_t i = 0; i < 65536; i++)
            block[i] = n * 65536 + i;
        bad += write(fd, block, sizeof block) != sizeof block;
    }
    for (uint32_t n = 0; n < 128; n += 5) {
        pread(fd, block, sizeof block, (off_t)(127 - n) * sizeof block);
        for (uint32_t i = 0; i < 65536; i += 101)
            bad += block[i] != (127 - n) * 65536 + i;
    }
    say("bad %d", bad);
    return 0;
}
