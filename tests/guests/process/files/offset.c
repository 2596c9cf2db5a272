// One offset for both after fork: reads, writes and lseek of one move the other; dup too, a second open does not.
// variants: static musl
#include "process.h"
int main(void)
{
    put_file("f", "abcdefghijklmnopqrstuvwxyz", 26);
    int fd = open("f", O_RDWR), copy = dup(fd), own = open("f", O_RDWR);
    char b[10] = {0};
    read(fd, b, 3);
    gate go = new_gate(), done = new_gate();
    pid_t child = CHILD({
        read(fd, b, 3);
        say("child reads %.3s", b);
        pass(done);
        await(go);
        RET(lseek(fd, 0, SEEK_CUR));
        read(copy, b, 2);
        say("child reads %.2s", b);
        RET(lseek(own, 0, SEEK_CUR));
        lseek(fd, 20, SEEK_SET);
        pass(done);
        await(go);
        RET(lseek(copy, 0, SEEK_CUR));
        RET(lseek(own, 0, SEEK_CUR));
    });
    await(done);
    RET(lseek(fd, 0, SEEK_CUR));
    read(fd, b, 4);
    say("parent reads %.4s", b);
    pass(go);
    await(done);
    RET(lseek(fd, 0, SEEK_CUR));
    write(fd, "XY", 2);
    read(own, b, 1);
    pass(go);
    reap("child", child);
    pread(fd, b, 6, 18);
    say("%.6s", b);
    return 0;
}
