// A shared file mapping over the end: SIGBUS until another process makes the file longer; truncation takes pages away.
#include "process.h"
static void fault(int number) { say("child: %s", signal_name(number)); _exit(1); }
int main(void)
{
    int fd = open("f", O_CREAT | O_RDWR, 0600);
    ftruncate(fd, PAGE);
    char *p = mmap(0, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    reap("too early", CHILD(handle(SIGBUS, fault, 0); p[2 * PAGE] = 1));
    gate go = new_gate(), done = new_gate();
    pid_t child = CHILD({
        await(go);
        p[2 * PAGE] = 'x';
        say("written");
        pass(done), await(go);
        handle(SIGBUS, fault, 0);
        p[2 * PAGE] = 'y';
    });
    ftruncate(fd, 4 * PAGE);
    pass(go);
    await(done);
    say("%c", p[2 * PAGE]);
    ftruncate(fd, PAGE);
    pass(go);
    reap("after truncation", child);
    ftruncate(fd, 4 * PAGE);
    say("%d", p[2 * PAGE]);
    return 0;
}
