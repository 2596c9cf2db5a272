// truncate and ftruncate, fallocate, copy_file_range, sendfile, fsync, fadvise, sync_file_range.
// variants: static
#include "guest.h"
#include <sys/sendfile.h>
#include <sys/uio.h>
int main(void)
{
    char b[100] = {0};
    struct stat st;
    put_file("f", "0123456789", 10);
    int fd = MUST(open("f", O_RDWR)), rd = MUST(open("f", O_RDONLY));
    RET(truncate("f", 5));
    RET(ftruncate(fd, 8));
    RET(pread(fd, b, 10, 0));
    say("%s %d %d", b, b[5], b[7]);
    RET(ftruncate(rd, 0));
    RET(ftruncate(fd, -1));
    RET(truncate("f", -1));
    RET(truncate("none", 0));
    RET(truncate("/dev", 0));
    mkdir("d", 0755);
    RET(truncate("d", 0));
    RET(truncate("", 0));
    RET(ftruncate(99, 0));
    int pipes[2];
    pipe(pipes);
    RET(ftruncate(pipes[1], 0));
    RET(ftruncate(fd, 1l << 40));
    fstat(fd, &st);
    say("size %ld", (long)st.st_size);
    RET(ftruncate(fd, 10));
    RET(fallocate(fd, 0, 0, 20));
    fstat(fd, &st);
    say("size %ld", (long)st.st_size);
    RET(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 100));
    fstat(fd, &st);
    say("size %ld", (long)st.st_size);
    RET(fallocate(fd, 0, -1, 1));
    RET(fallocate(fd, 0, 0, 0));
    RET(fallocate(rd, 0, 0, 10));
    RET(fallocate(pipes[1], 0, 0, 10));
    pwrite(fd, "abcdefghij", 10, 0);
    RET(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 2, 3));
    pread(fd, b, 10, 0);
    say("%c%c%d%d%d%c", b[0], b[1], b[2], b[3], b[4], b[5]);
    RET(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 2, 3));
    RET(fallocate(fd, 0x4000, 0, 3));
    RET(posix_fallocate(fd, 50, 50));
    fstat(fd, &st);
    say("size %ld", (long)st.st_size);
    // sendfile and copy_file_range.
    put_file("src", "the quick brown fox", 19);
    int src = open("src", O_RDONLY), dst = MUST(open("dst", O_CREAT | O_RDWR, 0644));
    RET(sendfile(dst, src, 0, 9));
    off_t at = 10;
    RET(sendfile(dst, src, &at, 100));
    say("offset now %ld, source's %ld", (long)at, (long)lseek(src, 0, SEEK_CUR));
    memset(b, 0, 100), pread(dst, b, 99, 0);
    say("%s", b);
    RET(sendfile(pipes[1], src, 0, 100));
    RET(read(pipes[0], b, 100));
    RET(sendfile(dst, pipes[0], 0, 1));
    RET(sendfile(rd, src, 0, 1));
    RET(sendfile(dst, 99, 0, 1));
    at = -1;
    RET(sendfile(dst, src, &at, 1));
    RET(sendfile(dst, src, (off_t *)8, 1));
    off_t in = 4, out = 0;
    RET(copy_file_range(src, &in, dst, &out, 5, 0));
    say("%ld %ld", (long)in, (long)out);
    in = 100;
    RET(copy_file_range(src, &in, dst, &out, 5, 0));
    RET(copy_file_range(src, &in, dst, &out, 5, 1));
    RET(copy_file_range(src, 0, rd, 0, 5, 0));
    in = 0, out = 2;
    RET(copy_file_range(dst, &in, dst, &out, 10, 0));
    RET(fsync(fd));
    RET(fdatasync(fd));
    RET(fsync(99));
    RET(fsync(pipes[0]));
    RET(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL));
    RET(posix_fadvise(fd, 0, 0, 77));
    RET(posix_fadvise(pipes[0], 0, 0, 0));
    RET(readahead(fd, 0, 100));
    RET(syncfs(fd));
    RET(sync_file_range(fd, 0, 0, 0));
    RET(sync_file_range(fd, 0, 10, 7));
    RET(sync_file_range(fd, 0, 10, 8));
    RET(sync_file_range(fd, -1, 10, 0));
    RET(sync_file_range(fd, 1, INT64_MAX, 0));
    RET(sync_file_range(pipes[1], 0, 0, 0));
    RET(sync_file_range(99, 0, 0, 0));
    sync();
    return 0;
}
