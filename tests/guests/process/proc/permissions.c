// What another user may see of a process in /proc: its state yes, its environment and descriptors no.
#include "process.h"
#include <dirent.h>
int main(void)
{
    gate go = new_gate();
    pid_t child = CHILD(await(go));
    reap("other user", CHILD({
        char path[60];
        char b[20];
        setresgid(99, 99, 99), setresuid(99, 99, 99);
        const char *names[] = {"stat", "status", "cmdline", "environ", "maps"};
        for (size_t i = 0; i < COUNT(names); i++) {
            snprintf(path, sizeof path, "/proc/%d/%s", child, names[i]);
            int fd = open(path, O_RDONLY);
            say("%s: %s", names[i], fd < 0 ? error_name(errno) : read(fd, b, 20) < 0 ? error_name(errno) : "readable");
        }
        snprintf(path, sizeof path, "/proc/%d/exe", child);
        RET(readlink(path, b, 20));
        snprintf(path, sizeof path, "/proc/%d/fd", child);
        YES(opendir(path) == NULL);
    }));
    pass(go);
    reap("child", child);
    return 0;
}
