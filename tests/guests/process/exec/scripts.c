// #! lines: interpreter with an argument, arguments with blanks, nested scripts, too deep, a script without #! by execvp.
#include "process.h"
static void script(const char *path, const char *text)
{
    put_file(path, text, strlen(text));
    chmod(path, 0755);
}
static void run(const char *path)
{
    char what[100];
    snprintf(what, sizeof what, "%s", path);
    reap(what, CHILD({
        char *argv[] = {"zero", "one", "two words", NULL};
        execv(path, argv);
        say("%s", error_name(errno));
        _exit(1);
    }));
}
int main(void)
{
    script("plain", "#!/bin/sh\necho plain $0 $1 \"$2\" $#\nexit 4\n");
    script("option", "#! /bin/sh -e\necho option $- | tr -d a-df-z\nfalse\necho not reached\n");
    script("blanks", "#!/bin/echo   one argument, with  blanks  \n");
    script("nested1", "#!./plain extra\n");
    script("nested2", "#!./nested1\n");
    script("nested3", "#!./nested2\n");
    script("nested4", "#!./nested3\n");
    script("nested5", "#!./nested4\n");
    script("without-end", "#!/bin/echo");
    script("none", "echo run by the shell: $1\n");
    const char *names[] = {"./plain", "./option", "./blanks", "./nested1", "./nested2", "./nested3", "./nested4", "./nested5", "./without-end", "./none"};
    for (size_t i = 0; i < COUNT(names); i++)
        run(names[i]);
    reap("execvp", CHILD(execlp("./none", "none", "word", NULL)));
    char line[400] = "#!/bin/echo ";
    memset(line + 12, 'x', 300), strcpy(line + 312, "\n");
    script("long", line);
    int fd[2];
    pipe(fd);
    pid_t child = CHILD({
        dup2(fd[1], 1);
        execl("./long", "long", NULL);
    });
    close(fd[1]);
    static char b[1000];
    long n = read(fd[0], b, sizeof b);
    say("%ld bytes", n);
    reap("long line", child);
    return 0;
}
