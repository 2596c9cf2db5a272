// read, write, pread, pwrite, lseek, O_APPEND, holes, ends, errors.
// variants: static musl
#include "guest.h"
int main(void)
{
    char b[64] = {0};
    int fd = MUST(open("f", O_CREAT | O_RDWR, 0644));
    RET(write(fd, "0123456789", 10));
    RET(read(fd, b, 10));
    RET(lseek(fd, 0, SEEK_CUR));
    RET(lseek(fd, 3, SEEK_SET));
    RET(read(fd, b, 4));
    say("%.4s", b);
    RET(lseek(fd, -2, SEEK_END));
    RET(read(fd, b, 10));
    RET(read(fd, b, 10));
    RET(lseek(fd, -1, SEEK_SET));
    RET(lseek(fd, -100, SEEK_CUR));
    RET(lseek(fd, 0, 77));
    RET(lseek(fd, LONG_MAX, SEEK_CUR));
    RET(lseek(fd, 100, SEEK_SET));
    RET(read(fd, b, 1));
    RET(write(fd, "end", 3));
    RET(lseek(fd, 0, SEEK_END));
    RET(pread(fd, b, 10, 5));
    say("hole: %.5s %d", b, b[5]);
    RET(pread(fd, b, 10, 1000));
    RET(pread(fd, b, 10, -1));
    RET(pwrite(fd, "x", 1, -1));
    RET(pwrite(fd, "x", 1, INT64_MAX));
    RET(pwrite(fd, "xyz", 3, INT64_MAX - 1));
    RET(pread(fd, b, 1, INT64_MAX));
    RET(pwrite(fd, "PW", 2, 1));
    RET(lseek(fd, 0, SEEK_CUR));
    RET(read(fd, b, 0));
    RET(write(fd, b, 0));
    RET(read(fd, (void *)8, 0));
    RET(read(fd, (void *)8, 1));
    RET(pread(fd, (void *)8, 1, 0));
    RET(write(fd, (void *)8, 1));
    RET(read(-1, b, 1));
    RET(write(1000, b, 1));
    RET(read(fd, b, -1l));
    RET(lseek(fd, 0, SEEK_SET));
    int ap = MUST(open("f", O_WRONLY | O_APPEND));
    RET(write(ap, "++", 2));
    RET(lseek(ap, 0, SEEK_CUR));
    RET(lseek(ap, 0, SEEK_SET));
    RET(write(ap, "--", 2));
    RET(pwrite(ap, "##", 2, 0)); // Linux appends here too
    RET(lseek(ap, 0, SEEK_CUR));
    struct stat st;
    fstat(fd, &st);
    say("size %ld", (long)st.st_size);
    RET(fcntl(ap, F_SETFL, 0));
    RET(pwrite(ap, "##", 2, 0));
    RET(fcntl(fd, F_SETFL, O_APPEND));
    RET(write(fd, "..", 2));
    RET(lseek(fd, 0, SEEK_CUR));
    fstat(fd, &st);
    say("size %ld", (long)st.st_size);
    RET(lseek(fd, 0, SEEK_SET));
    char all[256] = {0};
    long n = read(fd, all, 256);
    for (long i = 0; i < n; i++)
        if (!all[i])
            all[i] = '.';
    say("%ld %s", n, all);
    // Two open file descriptions have two offsets, dup shares one.
    int two = MUST(open("f", O_RDONLY)), copy = dup(two);
    read(two, b, 3);
    RET(lseek(copy, 0, SEEK_CUR));
    RET(lseek(copy, 7, SEEK_SET));
    RET(lseek(two, 0, SEEK_CUR));
    // Devices and pipes.
    int pipes[2];
    pipe(pipes);
    RET(lseek(pipes[0], 0, SEEK_SET));
    RET(pread(pipes[0], b, 1, 0));
    RET(pwrite(pipes[1], b, 1, 0));
    RET(lseek(open("/dev/null", O_RDWR), 5, SEEK_SET));
    // Large file offsets.
    int big = MUST(open("big", O_CREAT | O_RDWR, 0644));
    RET(pwrite(big, "far", 3, 1l << 33));
    RET(lseek(big, 0, SEEK_END));
    RET(pread(big, b, 3, 1l << 33));
    say("%.3s", b);
    RET(lseek(big, 0, SEEK_DATA) <= 1l << 33);
    RET(lseek(big, 1l << 40, SEEK_DATA));
    RET(lseek(big, 0, SEEK_HOLE) >= 0);
    RET(lseek(big, 1l << 33, SEEK_HOLE));
    return 0;
}
