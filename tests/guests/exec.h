// For guest programs that execute themselves: what is shown of a program, and how it is started again.
#ifndef EXEC_H
#define EXEC_H
#include "guest.h"
#include <dirent.h>
#include <sys/auxv.h>
#include <sys/prctl.h>

extern char **environ;

// The program's own file, wherever the tests lie.
UNUSED static const char *self(void)
{
    static char path[PATH_MAX];
    ssize_t length = MUST(readlink("/proc/self/exe", path, sizeof path - 1));
    path[length] = 0;
    return path;
}

// A number in `path`, a file that starts with one, or -1.
UNUSED static long number_in(const char *path)
{
    char text[64] = "";
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return -1;
    read(fd, text, sizeof text - 1);
    close(fd);
    return atol(text);
}

// The value of a line of /proc/self/status.
UNUSED static const char *status_of(const char *field)
{
    static char text[8192];
    int fd = MUST(open("/proc/self/status", O_RDONLY));
    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    text[got > 0 ? got : 0] = 0;
    char *line = strstr(text, field);
    if (!line)
        return "(none)";
    line += strlen(field) + 1;
    line += strspn(line, " \t");
    line[strcspn(line, "\n")] = 0;
    return line;
}

UNUSED static int count_entries(const char *path)
{
    DIR *directory = opendir(path);
    int count = 0;
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        count += entry->d_name[0] != '.';
    if (directory)
        closedir(directory);
    return count;
}

UNUSED static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

// A file with this content and mode.
UNUSED static void put_program(const char *path, const char *text, mode_t mode)
{
    unlink(path);
    put_file(path, text, strlen(text));
    MUST(chmod(path, mode));
}

// A copy of this program.
UNUSED static void copy_self(const char *path, mode_t mode)
{
    static char block[65536];
    int from = MUST(open("/proc/self/exe", O_RDONLY)), to = MUST(open(path, O_CREAT | O_TRUNC | O_WRONLY, 0700));
    for (ssize_t got; (got = read(from, block, sizeof block)) > 0;)
        MUST(write(to, block, got));
    close(from);
    close(to);
    MUST(chmod(path, mode));
}
#endif
