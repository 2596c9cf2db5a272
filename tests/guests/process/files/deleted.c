// A deleted file lives on while any process holds it: content, size, new writes; its room is free at the last close.
#include "process.h"
int main(void)
{
    int fd = open("f", O_CREAT | O_RDWR, 0600);
    write(fd, "before", 6);
    gate go = new_gate(), done = new_gate();
    pid_t child = CHILD({
        await(go);
        char b[30] = {0};
        pread(fd, b, 29, 0);
        struct stat st;
        fstat(fd, &st);
        say("child reads \"%s\", links %ld", b, (long)st.st_nlink);
        pwrite(fd, "written by the child", 20, 0);
        int again = open("/proc/self/fd/3", O_RDONLY);
        memset(b, 0, 30);
        read(again, b, 29);
        say("opened again through /proc: %s", b);
        pass(done);
        await(go);
        char *p = mmap(0, PAGE, PROT_READ, MAP_SHARED, fd, 0);
        say("mapped %.7s", p);
    });
    YES(fd == 3);
    unlink("f");
    RET(access("f", F_OK));
    pass(go);
    await(done);
    close(fd);
    put_file("f", "another", 7);
    pass(go);
    reap("child", child);
    return 0;
}
