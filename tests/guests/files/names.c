// Limits of names and paths: 255 bytes a component, 4096 a path, odd bytes, dots and slashes.
#include "guest.h"
int main(void)
{
    char name[5000];
    struct stat st;
    mkdir("w", 0755), MUST(chdir("w"));
    memset(name, 'a', sizeof name);
    name[255] = 0;
    OK(open(name, O_CREAT | O_WRONLY, 0644));
    RET(stat(name, &st));
    name[255] = 'a', name[256] = 0;
    OK(open(name, O_CREAT | O_WRONLY, 0644));
    RET(mkdir(name, 0755));
    RET(unlink(name));
    RET(symlink("x", name));
    RET(rename(name, "x"));
    // A path of 4095 bytes is fine, of 4096 too long.
    for (int i = 0; i < 4094; i += 2)
        memcpy(name + i, "./", 2);
    name[4094] = '.', name[4095] = 0;
    RET(stat(name, &st));
    name[4095] = '/', name[4096] = 0;
    RET(stat(name, &st));
    RET(chdir(name));
    // Any byte but slash and zero.
    for (int i = 1; i < 256; i++) {
        char one[3] = {(char)i, 'x', 0};
        if (i == '/')
            continue;
        int fd = open(one, O_CREAT | O_EXCL | O_WRONLY, 0644);
        if (fd < 0)
            say("byte %d: %s", i, error_name(errno));
        close(fd);
        unlink(one);
    }
    put_file("...", "", 0);
    RET(access("...", F_OK));
    mkdir("d", 0755);
    const char *paths[] = {"d/", "d//", "d/.", "./d", ".//d///.", "d/..", "d/../d", "d/../..", "/", "//", "/..", "/../..",
                           "d/../none", "none/..", ".../", ".../.", " ", "d /", "/./././"};
    for (size_t i = 0; i < COUNT(paths); i++)
        say("'%s': %s", paths[i], stat(paths[i], &st) ? error_name(errno) : S_ISDIR(st.st_mode) ? "directory" : "file");
    RET(mkdir("d/", 0755));
    RET(mkdir("e/", 0755));
    RET(mkdir("e//f//", 0755));
    RET(mkdir("", 0755));
    RET(mkdir(".", 0755));
    RET(mkdir("..", 0755));
    RET(mkdir("/", 0755));
    RET(mkdir("none/x", 0755));
    RET(mkdir(".../x", 0755));
    // A deep tree: longer than PATH_MAX in all.
    memset(name, 'b', 200), name[200] = 0;
    int depth = 0;
    while (depth < 30 && mkdir(name, 0755) == 0 && chdir(name) == 0)
        depth++;
    say("depth %d", depth);
    char *cwd = getcwd(0, 0);
    say("getcwd %s", cwd ? (strlen(cwd) > 6000 ? "long" : "short") : error_name(errno));
    char small[10];
    RET(syscall(SYS_getcwd, small, 10));
    for (int i = 0; i < depth; i++)
        chdir("..");
    RET(access("d", F_OK));
    // A path on the last bytes before an unmapped page.
    char *page = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(page + PAGE, PAGE);
    strcpy(page + PAGE - 2, "d");
    RET(stat(page + PAGE - 2, &st));
    page[PAGE - 1] = 'd';
    RET(stat(page + PAGE - 2, &st));
    memset(page, '/', PAGE);
    RET(stat(page, &st));
    return 0;
}
