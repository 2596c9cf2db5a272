// EDEADLK when two and when three processes wait for each other's locks; not for OFD locks.
#include "process.h"
static int lock(int fd, int at) { return fcntl(fd, F_SETLKW, &(struct flock){.l_type = F_WRLCK, .l_start = at, .l_len = 1}); }
static void ring(int n)
{
    gate ready = new_gate(), go[3];
    pid_t child[3];
    for (int i = 0; i < n; i++)
        go[i] = new_gate();
    for (int i = 0; i < n; i++)
        child[i] = CHILD({
            int fd = open("f", O_RDWR);
            lock(fd, i);
            pass(ready);
            await(go[i]);
            _exit(lock(fd, (i + 1) % n) == 0 ? 0 : errno);
        });
    for (int i = 0; i < n; i++)
        await(ready);
    for (int i = 0; i < n - 1; i++) {
        pass(go[i]);
        settle(child[i]);
        sleep_ms(5);
    }
    pass(go[n - 1]);
    for (int i = n - 1; i >= 0; i--) {
        int status = status_of(child[i]);
        say("%d of %d: %s", i, n, WEXITSTATUS(status) ? error_name(WEXITSTATUS(status)) : "locked");
    }
}
int main(void)
{
    put_file("f", "", 0);
    ring(2);
    ring(3);
    return 0;
}
