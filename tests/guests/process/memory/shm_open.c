// POSIX shared memory by name: between siblings, unlinked while in use, O_EXCL, sizes, modes.
// variants: static musl
#include "process.h"
int main(void)
{
    static char name[80];
    strcpy(name, unique("/"));
    gate go = new_gate(), done = new_gate();
    pid_t writer = CHILD({
        int fd = MUST(shm_open(name, O_CREAT | O_EXCL | O_RDWR, 0640));
        say("close on exec %d", fcntl(fd, F_GETFD));
        ftruncate(fd, 3 * PAGE);
        char *p = mmap(0, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        strcpy(p + 2 * PAGE, "from the writer");
        close(fd);
        pass(done), await(go);
        say("writer: %s", p);
    });
    await(done);
    pid_t reader = CHILD({
        int fd = MUST(shm_open(name, O_RDWR, 0));
        struct stat st;
        fstat(fd, &st);
        say("size %ld, mode %o", (long)st.st_size / (long)PAGE, st.st_mode & 07777);
        char *p = mmap(0, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        say("reader: %s", p + 2 * PAGE);
        strcpy(p, "from the reader");
    });
    reap("reader", reader);
    RET(shm_open(name, O_CREAT | O_EXCL | O_RDWR, 0600));
    RET(shm_unlink(name));
    RET(shm_unlink(name));
    RET(shm_open(name, O_RDWR, 0));
    pass(go);
    reap("writer", writer);
    return 0;
}
