// SIGKILL at random instants of a child's life: always the right status, and the next child works.
#include "process.h"
static void busy(void)
{
    for (unsigned n = 0;; n++) {
        char name[20];
        snprintf(name, sizeof name, "file-%u", n % 5);
        int fd = open(name, O_CREAT | O_RDWR, 0600);
        write(fd, "data", 4);
        char *p = mmap(0, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memset(p, 1, 3 * PAGE);
        munmap(p, 3 * PAGE);
        close(fd), unlink(name);
        if (n % 7 == 0)
            status_of(CHILD(_exit(1)));
    }
}
int main(void)
{
    int right = 0, after = 0;
    for (int i = 0; i < 40; i++) {
        pid_t child = CHILD(busy());
        struct timespec wait = {0, (i * 7919 % 60) * 100000};
        nanosleep(&wait, NULL);
        kill(child, SIGKILL);
        int status = status_of(child);
        right += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
        int fd = open("after", O_CREAT | O_RDWR | O_TRUNC, 0600);
        status_of(CHILD(write(fd, "x", 1)));
        after += lseek(fd, 0, SEEK_END) == 1;
        close(fd);
    }
    say("%d killed, %d children afterwards", right, after);
    return 0;
}
