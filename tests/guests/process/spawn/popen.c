// system, popen and pclose, with what they block and ignore.
// variants: static musl
#include "process.h"
int main(void)
{
    char line[100] = {0};
    say("%s", status_name(system("exit 7")));
    say("%s", status_name(system("kill -9 $$")));
    say("%s", status_name(system("nonexistent-command 2>/dev/null")));
    say("system(NULL) %d", system(NULL) != 0);
    FILE *f = popen("echo one; echo two; exit 4", "r");
    while (fgets(line, sizeof line, f))
        say("read %.3s", line);
    say("%s", status_name(pclose(f)));
    f = popen("tr a-z A-Z > out", "w");
    fputs("written\n", f);
    say("%s", status_name(pclose(f)));
    int fd = open("out", O_RDONLY);
    memset(line, 0, sizeof line);
    read(fd, line, 99);
    say("%.7s", line);
    FILE *a = popen("cat", "w"), *b = popen("sleep 0", "r");
    say("%s", status_name(pclose(a)));
    say("%s", status_name(pclose(b)));
    handle(SIGCHLD, SIG_IGN, 0);
    RET(system("exit 7"));
    return 0;
}
