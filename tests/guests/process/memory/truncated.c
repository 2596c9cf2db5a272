// A shared file becomes shorter and longer below mappings of several processes: SIGBUS where nothing is, zeros where something was.
#include "process.h"
#include <setjmp.h>
static sigjmp_buf back;
static void bus(int signal, siginfo_t *info, void *context)
{
    (void)context;
    (void)signal;
    siglongjmp(back, info->si_code == BUS_ADRERR ? 1 : 2);
}
static void look(const char *who, volatile char *p)
{
    for (volatile int page = 0; page < 4; page++) {
        int why = sigsetjmp(back, 1);
        if (why)
            say("%s: page %d: SIGBUS %d", who, page, why);
        else
            say("%s: page %d: %d", who, page, p[page * PAGE + 5]);
    }
}
int main(void)
{
    struct sigaction action = {.sa_sigaction = bus, .sa_flags = SA_SIGINFO};
    sigaction(SIGBUS, &action, NULL);
    int fd = open("f", O_CREAT | O_RDWR, 0600);
    ftruncate(fd, 4 * PAGE);
    char *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    for (int page = 0; page < 4; page++)
        p[page * PAGE + 5] = page + 1;
    gate go = new_gate(), done = new_gate();
    pid_t child = CHILD({
        look("child", p);
        pass(done), await(go);
        look("child", p);
        RET(ftruncate(fd, 3 * PAGE));
        look("child", p);
        p[2 * PAGE + 5] = 9;
        pass(done);
    });
    await(done);
    RET(ftruncate(fd, PAGE + 3));
    look("parent", p);
    pass(go), await(done);
    look("parent", p);
    reap("child", child);
    char b[8];
    RET(pread(fd, b, 8, 2 * PAGE));
    say("read %d", b[5]);
    return 0;
}
