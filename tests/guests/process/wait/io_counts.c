// /proc/self/io counts what read(2), write(2) and their relatives move; a child starts with nothing.
#include "process.h"
#include <sys/sendfile.h>
#include <sys/uio.h>
struct counts { long value[7]; };
static struct counts look(void)
{
    static const char *const names[7] = {"rchar: %ld", "wchar: %ld", "syscr: %ld", "syscw: %ld"};
    struct counts now = {0};
    char text[512], *line = text;
    int fd = open("/proc/self/io", O_RDONLY);
    long got = pread(fd, text, sizeof text - 1, 0);
    close(fd);
    text[got > 0 ? got : 0] = 0;
    for (int i = 0; i < 4; i++, line = strchr(line, '\n') + 1)
        sscanf(line, names[i], &now.value[i]);
    return now;
}
// What the look itself reads is known: it shows in the next one.
static void since(const char *what, struct counts *before)
{
    struct counts now = look();
    say("%s: read %s, written %ld, reads %ld, writes %ld", what, now.value[0] > before->value[0] ? "more" : "the same",
        now.value[1] - before->value[1], now.value[2] - before->value[2], now.value[3] - before->value[3]);
    *before = look();
}
int main(void)
{
    char bytes[5000] = {0};
    int file = open("file", O_RDWR | O_CREAT, 0600), other = open("other", O_RDWR | O_CREAT, 0600), pipes[2];
    struct iovec vector[2] = {{bytes, 10}, {bytes, 20}};
    off_t start = 0;
    pipe2(pipes, O_NONBLOCK);
    struct counts before = look();
    before = look();
    since("nothing", &before);
    write(file, bytes, 5000), pwrite(file, bytes, 100, 0), writev(file, vector, 2);
    since("5130 bytes", &before);
    lseek(file, 0, SEEK_SET);
    long total = read(file, bytes, 3000) + pread(file, bytes, 100, 0) + readv(file, vector, 2);
    total += read(file, bytes, 5000), total += read(file, bytes, 5000);
    struct counts now = look();
    say("read %ld, calls %ld", total, now.value[2] - before.value[2]);
    before = look();
    write(-1, bytes, 7), write(file, (void *)8, 7), read(pipes[0], bytes, 7), write(pipes[1], bytes, 7);
    since("errors, 7 bytes", &before);
    sendfile(other, file, &start, 1000);
    since("sendfile", &before);
    pid_t child = fork();
    if (child == 0) {
        struct counts mine = look();
        say("child: %ld %ld %ld %ld", mine.value[0], mine.value[1], mine.value[2], mine.value[3]);
        _exit(0);
    }
    reap("child", child);
    return 0;
}
