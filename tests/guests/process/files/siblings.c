// Directories seen by siblings: one makes, one renames, one lists, one removes.
#include "process.h"
#include <dirent.h>
static int compare(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }
static void list(const char *who)
{
    char *names[50], line[500] = {0};
    int n = 0;
    DIR *d = opendir("d");
    for (struct dirent *e; d && (e = readdir(d));)
        if (e->d_name[0] != '.')
            names[n++] = strdup(e->d_name);
    if (d)
        closedir(d);
    qsort(names, n, sizeof *names, compare);
    for (int i = 0; i < n; i++)
        strcat(line, names[i]), strcat(line, " ");
    say("%s: %s", who, line);
}
int main(void)
{
    mkdir("d", 0755);
    gate go[4];
    pid_t child[3];
    for (int i = 0; i < 4; i++)
        go[i] = new_gate();
    child[0] = CHILD({
        await(go[0]);
        for (int i = 0; i < 5; i++) {
            char name[20];
            snprintf(name, 20, "d/file-%d", i);
            put_file(name, name, strlen(name));
        }
        symlink("file-0", "d/link"), mkdir("d/sub", 0755), mkfifo("d/fifo", 0600);
        pass(go[1]);
    });
    child[1] = CHILD({
        await(go[1]);
        list("second");
        rename("d/file-1", "d/moved"), rename("d/file-2", "d/sub/inside"), link("d/file-0", "d/hard");
        pass(go[2]);
    });
    child[2] = CHILD({
        await(go[2]);
        list("third");
        unlink("d/file-3"), unlink("d/sub/inside"), rmdir("d/sub"), unlink("d/fifo");
        pass(go[3]);
    });
    pass(go[0]);
    await(go[3]);
    list("parent");
    for (int i = 0; i < 3; i++)
        reap("child", child[i]);
    char b[30] = {0};
    readlink("d/link", b, 29);
    say("%s", b);
    return 0;
}
