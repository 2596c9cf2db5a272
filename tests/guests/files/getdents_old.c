// getdents, the older form: the names, types and inodes of getdents64; tiny buffers, errors.
#include "guest.h"
struct old {
    unsigned long inode, offset;
    unsigned short length;
    char name[];
};
struct new {
    uint64_t inode;
    int64_t offset;
    unsigned short length;
    unsigned char type;
    char name[];
};
int main(void)
{
    static char old_buffer[4096], new_buffer[4096];
    MUST(mkdir("d", 0755));
    MUST(mkdir("d/directory", 0755));
    MUST(symlink("nowhere", "d/a-link"));
    MUST(mkfifo("d/fifo", 0600));
    char path[64];
    for (int i = 0; i < 12; i++) {
        snprintf(path, sizeof path, "d/%.*s", i + 1, "abcdefghijklmnop");
        put_file(path, "", 0);
    }
    int fd = MUST(open("d", O_RDONLY | O_DIRECTORY));
    long got = MUST(syscall(SYS_getdents, fd, old_buffer, sizeof old_buffer));
    RET(syscall(SYS_getdents, fd, old_buffer + 2048, 2048));
    MUST(lseek(fd, 0, SEEK_SET));
    long same = MUST(syscall(SYS_getdents64, fd, new_buffer, sizeof new_buffer));
    say("as long as getdents64: %s", got == same ? "yes" : "no");
    int entries = 0;
    for (long at = 0; at < got; entries++) {
        struct old *o = (void *)(old_buffer + at);
        struct new *n = (void *)(new_buffer + at);
        if (o->inode != n->inode || o->offset != (unsigned long)n->offset || o->length != n->length)
            say("%s and %s differ", o->name, n->name);
        if (strcmp(o->name, n->name) || old_buffer[at + o->length - 1] != n->type)
            say("%s of type %d, %s of type %d", o->name, old_buffer[at + o->length - 1], n->name, n->type);
        at += o->length;
    }
    say("%d entries", entries);
    MUST(lseek(fd, 0, SEEK_SET));
    entries = 0;
    while ((got = MUST(syscall(SYS_getdents, fd, old_buffer, 48))) > 0)
        for (long at = 0; at < got; at += ((struct old *)(old_buffer + at))->length)
            entries++;
    say("%d entries, few at a time", entries);
    MUST(lseek(fd, 0, SEEK_SET));
    RET(syscall(SYS_getdents, fd, old_buffer, 10));
    RET(syscall(SYS_getdents, fd, (void *)8, 1024));
    RET(syscall(SYS_getdents, open("d/a", O_RDONLY), old_buffer, 1024));
    RET(syscall(SYS_getdents, -1, old_buffer, 1024));
    return 0;
}
