// Processes that look at one another in /proc at the same time, at their parent, and at some that end meanwhile.
#include "process.h"
static int length_of(pid_t pid, const char *name)
{
    char path[40], text[4096];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int n = fd < 0 ? -1 : (int)read(fd, text, sizeof text);
    close(fd);
    return n;
}
int main(void)
{
    pid_t me = getpid(), other[3];
    gate go = new_gate(), done = new_gate(), end = new_gate();
    int fd[2];
    pipe(fd);
    for (int i = 0; i < 3; i++)
        other[i] = CHILD({
            await(go);
            pid_t all[3];
            read(fd[0], all, sizeof all);
            int missing = 0;
            for (int round = 0; round < 15; round++)
                for (int j = 0; j < 3; j++)
                    missing += length_of(all[j], "status") < 100 || length_of(all[j], "maps") < 100 || length_of(me, "cmdline") < 5;
            say("missing %d", missing);
            pass(done), await(end);
        });
    for (int i = 0; i < 3; i++)
        write(fd[1], other, sizeof other);
    pass(go), pass(go), pass(go);
    int strange = 0;
    for (int i = 0; i < 10; i++) {
        pid_t brief = CHILD(_exit(0));
        while (length_of(brief, "stat") > 0 && state_of(brief) != 'Z')
            ;
        strange += status_of(brief) != 0 || length_of(brief, "stat") != -1;
    }
    await(done), await(done), await(done);
    pass(end), pass(end), pass(end);
    for (int i = 0; i < 3; i++)
        status_of(other[i]);
    say("strange %d", strange);
    return 0;
}
