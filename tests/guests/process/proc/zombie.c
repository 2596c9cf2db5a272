// What /proc says of a zombie: no links, no command line, its name.
#include "process.h"
int main(void)
{
    pid_t child = CHILD(prctl(PR_SET_NAME, "zombie to be"); _exit(1));
    settle_in(child, 'Z');
    const char *names[] = {"cmdline", "comm", "exe", "cwd", "environ", "maps", "fd/1", "stat"};
    for (size_t i = 0; i < COUNT(names); i++) {
        char path[60], text[500] = {0};
        snprintf(path, sizeof path, "/proc/%d/%s", child, names[i]);
        if (i == 2 || i == 3 || i == 6) {
            RET(readlink(path, text, 499));
            continue;
        }
        int fd = open(path, O_RDONLY);
        long n = fd < 0 ? -1 : read(fd, text, 499);
        say("%s: %s", names[i], n < 0 ? error_name(errno) : i == 7 ? strchr(text, '(') ? "there" : "strange" : n ? text : "empty");
        close(fd);
    }
    reap("child", child);
    return 0;
}
