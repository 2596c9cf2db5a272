// The last close counts: a file's description lives while any process has a descriptor of it.
#include "process.h"
int main(void)
{
    under_reaper();
    put_file("f", "abcdefgh", 8);
    int fd = open("f", O_RDONLY);
    char b[9] = {0};
    gate go = new_gate(), done = new_gate();
    read(fd, b, 2);
    pid_t child = CHILD({
        CHILD({
            await(go);
            read(fd, b, 2);
            say("grandchild reads %.2s", b);
            close(fd);
            RET(read(fd, b, 2));
            pass(done);
        });
        read(fd, b, 2);
        say("child reads %.2s", b);
    });
    close(fd);
    reap("child", child);
    unlink("f");
    pass(go);
    await(done);
    return 0;
}
