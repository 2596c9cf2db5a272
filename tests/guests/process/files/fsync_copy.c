// copy_file_range, sendfile and splice by a child move the offsets that the parent sees.
#include "process.h"
#include <sys/sendfile.h>
int main(void)
{
    put_file("in", "0123456789abcdefghij", 20);
    int in = open("in", O_RDONLY), out = open("out", O_CREAT | O_RDWR, 0600), fd[2];
    pipe(fd);
    reap("child", CHILD({
        RET(copy_file_range(in, NULL, out, NULL, 5, 0));
        RET(sendfile(out, in, NULL, 5));
        RET(splice(in, NULL, fd[1], NULL, 5, 0));
        RET(fsync(out));
    }));
    RET(lseek(in, 0, SEEK_CUR));
    RET(lseek(out, 0, SEEK_CUR));
    RET(splice(fd[0], NULL, out, NULL, 10, 0));
    char b[30] = {0};
    pread(out, b, 29, 0);
    say("%s", b);
    return 0;
}
