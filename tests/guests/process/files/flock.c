// flock between processes: it belongs to the description, so that fork shares it; upgrade, release, close.
// variants: static musl
#include "process.h"
#include <sys/file.h>
static void try(const char *what)
{
    int fd = open("f", O_RDWR);
    int result = flock(fd, LOCK_EX | LOCK_NB);
    say("%s: %s", what, result ? error_name(errno) : "free");
    close(fd);
}
int main(void)
{
    int fd = open("f", O_CREAT | O_RDWR, 0600);
    RET(flock(fd, LOCK_EX));
    reap("child", CHILD({
        RET(flock(fd, LOCK_EX | LOCK_NB)); // the same description: it has it
        try("another description");
        close(fd);
        try("after the child's close");
    }));
    try("after the child's end");
    reap("child unlocks for all", CHILD(flock(fd, LOCK_UN)));
    try("unlocked");
    RET(flock(fd, LOCK_SH));
    reap("reader", CHILD({
        int other = open("f", O_RDONLY);
        RET(flock(other, LOCK_SH | LOCK_NB));
        RET(flock(other, LOCK_EX | LOCK_NB));
        RET(flock(other, LOCK_SH | LOCK_NB));
    }));
    try("one reader");
    gate ready = new_gate();
    pid_t holder = CHILD({
        int other = open("f", O_RDWR);
        flock(other, LOCK_SH);
        pass(ready);
        for (;;)
            pause();
    });
    await(ready);
    RET(flock(fd, LOCK_EX | LOCK_NB));
    kill(holder, SIGKILL);
    RET(flock(fd, LOCK_EX)); // as soon as the holder is gone
    reap("holder", holder);
    RET(flock(fd, 16));
    return 0;
}
