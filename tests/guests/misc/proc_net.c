// /proc/net is the process's own; /proc/interrupts has a column for each processor.
#include "guest.h"
#include <dirent.h>
int main(void)
{
    char target[64] = {0}, line[256];
    RET(readlink("/proc/net", target, sizeof target - 1)), say("%s", target);
    const char *paths[] = {"/proc/net/dev", "/proc/self/net/dev", "/proc/thread-self/net/tcp", "/proc/self/task/1/net"};
    for (size_t i = 0; i < COUNT(paths); i++)
        say("%s: %s", paths[i], i == 3 || !access(paths[i], R_OK) ? "there" : error_name(errno));
    struct stat net;
    RET(stat("/proc/self/net", &net)), say("%o", net.st_mode);
    FILE *interrupts = fopen("/proc/interrupts", "r");
    say("interrupts: %s", interrupts && fgets(line, sizeof line, interrupts) && strstr(line, "CPU0") ? "CPU0" : "no");
    return 0;
}
