// MAP_SHARED of a file: writes are seen by mappings, read and write of other processes, both ways; munmap and msync.
// variants: static musl
#include "process.h"
int main(void)
{
    char page[PAGE] = "on disk";
    put_file("f", page, PAGE);
    int fd = open("f", O_RDWR);
    char *p = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *private = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    strcpy(private, "copied before");
    gate go = new_gate(), done = new_gate();
    pid_t child = CHILD({
        int own = open("f", O_RDWR);
        char *q = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, own, 0);
        close(own);
        strcpy(q, "by mapping");
        pass(done), await(go);
        say("child: %s", q);
        pwrite(fd, "by pwrite", 10, 0);
        pass(done), await(go);
        say("child: %s", q);
        munmap(q, PAGE);
    });
    await(done);
    char b[20] = {0};
    pread(fd, b, 19, 0);
    say("parent: %s, read %s, private %s", p, b, private);
    strcpy(p, "by the parent");
    pass(go), await(done);
    say("parent: %s", p);
    RET(msync(p, PAGE, MS_SYNC));
    pwrite(fd, "last", 5, 0);
    pass(go);
    reap("child", child);
    say("%s %s", p, private);
    return 0;
}
