// A child's start time is its own, and so is what it has used.
#include "process.h"
static unsigned long long field(pid_t pid, int number)
{
    char path[40], text[1000] = {0};
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY);
    read(fd, text, 999);
    close(fd);
    char *at = strrchr(text, ')') + 2;
    for (int i = 3; i < number; i++)
        at = strchr(at, ' ') + 1;
    return strtoull(at, NULL, 10);
}
int main(void)
{
    for (int64_t end = clock_ns(CLOCK_PROCESS_CPUTIME_ID) + 300000000; clock_ns(CLOCK_PROCESS_CPUTIME_ID) < end;)
        ;
    gate go = new_gate();
    pid_t child = CHILD(await(go));
    YES(field(child, 22) >= field(getpid(), 22) + 5);
    // On a busy machine a VM's start takes its time.
    YES(field(getpid(), 14) + field(getpid(), 15) >= 25 && field(child, 14) + field(child, 15) < 25);
    YES(field(child, 10) < 100000);
    say("nice %d, threads %d", (int)field(child, 19), (int)field(child, 20));
    pass(go);
    reap("child", child);
    YES(field(getpid(), 16) + field(getpid(), 17) < 300);
    return 0;
}
