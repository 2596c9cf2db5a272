// Scripts: what their interpreter is told, and how they nest.
#include "exec.h"

static void show(int argc, char **argv)
{
    for (int n = 0; n < argc; n++)
        say("  %d \"%s\"", n, argv[n]);
    char name[17] = "";
    prctl(PR_GET_NAME, name);
    const char *executed = (const char *)getauxval(AT_EXECFN);
    say("  name %s, AT_EXECFN %s, file %s", name, executed, last_part(self()));
    char line[4096] = "";
    int fd = open("/proc/self/cmdline", O_RDONLY);
    ssize_t got = read(fd, line, sizeof line);
    close(fd);
    for (ssize_t n = 0; n + 1 < got; n++)
        if (!line[n])
            line[n] = '|';
    say("  %s", line);
}

static const struct {
    const char *name, *text;
} SCRIPTS[] = {
    {"plain", "#!./interpreter\nrest\n"},
    {"argument", "#!./interpreter -x\n"},
    {"blanks", "#! \t ./interpreter  \t one  two \t \n"},
    {"no-newline", "#!./interpreter last"},
    {"zero", "#!./interpreter one\0two\n"},
    {"carriage-return", "#!./interpreter cr\r\n"},
    {"quotes", "#!./interpreter 'a b' \"c\" $d\n"},
    {"nested-1", "#!./plain one\n"},
    {"nested-2", "#!./nested-1 two\n"},
    {"nested-3", "#!./nested-2 three\n"},
    {"nested-4", "#!./nested-3 four\n"},
    {"nested-5", "#!./nested-4 five\n"},
    {"a-name-that-is-longer-than-fifteen-bytes", "#!./interpreter\n"},
};

int main(int argc, char **argv)
{
    const char *next = getenv("NEXT");
    size_t n = 0;
    if (!next) {
        copy_self("interpreter", 0755);
        for (size_t k = 0; k < COUNT(SCRIPTS); k++) {
            put_program(SCRIPTS[k].name, "", 0755);
            // With the zero bytes inside.
            int fd = MUST(open(SCRIPTS[k].name, O_WRONLY | O_TRUNC));
            size_t length = strcmp(SCRIPTS[k].name, "zero") ? strlen(SCRIPTS[k].text) : 24;
            write(fd, SCRIPTS[k].text, length);
            close(fd);
        }
        char line[300] = "#!./interpreter ";
        memset(line + 16, 'l', 270);
        strcpy(line + 286, "\n");
        put_program("long", line, 0755);
    } else {
        n = atoi(next);
        show(argc, argv);
    }
    char number[32];
    for (; n <= COUNT(SCRIPTS); n++) {
        char path[64];
        snprintf(path, sizeof path, "./%s", n < COUNT(SCRIPTS) ? SCRIPTS[n].name : "long");
        snprintf(number, sizeof number, "NEXT=%zu", n + 1);
        say("%s:", path);
        char *environment[] = {number, NULL};
        char *none[] = {NULL}, *some[] = {"dropped", "kept", "", "also kept", NULL};
        execve(path, n % 4 == 3 ? none : some, environment);
        say("  %s", error_name(errno));
    }
    return 3;
}
