// pidfd_getfd takes a descriptor of another process: the same open file description.
// optional: a VM may refuse to hand descriptors out
#include "process.h"
int main(void)
{
    put_file("f", "abcdef", 6);
    int fd = open("f", O_RDONLY);
    gate ready = new_gate(), go = new_gate();
    int secret = 0;
    pid_t child = CHILD({
        secret = dup2(open("f", O_RDONLY), 50);
        pass(ready);
        await(go);
    });
    await(ready);
    (void)secret;
    int pidfd = MUST(syscall(SYS_pidfd_open, child, 0));
    int got = syscall(SYS_pidfd_getfd, pidfd, 50, 0);
    if (got < 0 && errno == ENOSYS) {
        kill(child, SIGKILL);
        say("absent");
        return 0;
    }
    YES(got >= 0);
    char b[7] = {0};
    read(got, b, 3);
    say("%s, close on exec %d", b, fcntl(got, F_GETFD));
    RET(lseek(got, 0, SEEK_CUR));
    RET(syscall(SYS_pidfd_getfd, pidfd, 51, 0));
    RET(syscall(SYS_pidfd_getfd, pidfd, 50, 1));
    RET(syscall(SYS_pidfd_getfd, fd, 50, 0));
    pass(go);
    reap("child", child);
    RET(syscall(SYS_pidfd_getfd, pidfd, 50, 0));
    return 0;
}
