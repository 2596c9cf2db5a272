// Locks over exec: POSIX locks stay with the process, flock with the description; close-on-exec gives them up.
// args: first
#include "process.h"
#include <sys/file.h>
static void try(const char *what)
{
    int fd = open("f", O_RDWR), other = open("g", O_RDWR);
    struct flock l = {.l_type = F_WRLCK};
    fcntl(fd, F_GETLK, &l);
    say("%s: POSIX %s, flock %s", what, l.l_type == F_UNLCK ? "free" : "held", flock(other, LOCK_EX | LOCK_NB) ? "held" : "free");
    close(fd), close(other);
}
int main(int argc, char **argv)
{
    (void)argv;
    if (argc == 3) {
        write(51, "r", 1);
        char c;
        read(50, &c, 1);
        return 0;
    }
    for (int cloexec = 0; cloexec < 2; cloexec++) {
        int to[2], from[2];
        char c;
        pipe(to), pipe(from);
        put_file("f", "", 0), put_file("g", "", 0);
        pid_t child = CHILD({
            int f = open("f", O_RDWR | (cloexec ? O_CLOEXEC : 0));
            int g = open("g", O_RDWR | (cloexec ? O_CLOEXEC : 0));
            fcntl(f, F_SETLK, &(struct flock){.l_type = F_WRLCK}), flock(g, LOCK_EX);
            dup2(to[0], 50), dup2(from[1], 51);
            execl("/proc/self/exe", "self", "second", "x", NULL);
        });
        read(from[0], &c, 1);
        try(cloexec ? "closed on exec" : "kept");
        write(to[1], "x", 1);
        reap("child", child);
        try("after its end");
        close(to[0]), close(to[1]), close(from[0]), close(from[1]);
    }
    return 0;
}
