// Parent and child poll the same pipe: both see the byte, one of them gets it.
#include "process.h"
int main(void)
{
    int fd[2];
    pipe2(fd, O_NONBLOCK);
    gate seen = new_gate(), go = new_gate();
    int *count = shared_page(PAGE);
    pid_t child[3];
    for (int i = 0; i < 3; i++)
        child[i] = CHILD({
            struct pollfd p = {fd[0], POLLIN, 0};
            char c;
            _exit(poll(&p, 1, 5000) == 1 ? (pass(seen), await(go), read(fd[0], &c, 1) == 1) ? 1 : errno == EAGAIN ? 2 : 3 : 4);
        });
    for (int i = 0; i < 3; i++)
        settle(child[i]);
    sleep_ms(5);
    write(fd[1], "x", 1);
    for (int i = 0; i < 3; i++)
        await(seen);
    pass(go), pass(go), pass(go);
    for (int i = 0; i < 3; i++)
        count[WEXITSTATUS(status_of(child[i]))]++;
    say("got it %d, did not %d", count[1], count[2]);
    return 0;
}
