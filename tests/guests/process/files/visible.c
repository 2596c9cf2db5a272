// What one process writes others read at once: file content, size, times, modes, new names.
// variants: static musl
#include "process.h"
#include <dirent.h>
static void step(const char *what)
{
    struct stat st;
    char b[100] = {0};
    int fd = open("dir/f", O_RDONLY);
    if (fd < 0) {
        say("%s: %s", what, error_name(errno));
        return;
    }
    read(fd, b, 99), fstat(fd, &st);
    say("%s: \"%s\" size %ld mode %o links %ld", what, b, (long)st.st_size, st.st_mode & 07777, (long)st.st_nlink);
    close(fd);
}
int main(void)
{
    gate go = new_gate(), done = new_gate();
    pid_t child = CHILD({
        for (int i = 0; i < 8; i++) {
            await(go);
            switch (i) {
            case 0: mkdir("dir", 0755); break;
            case 1: put_file("dir/f", "first", 5); break;
            case 2: { int fd = open("dir/f", O_WRONLY | O_APPEND); write(fd, ", second", 8); close(fd); } break;
            case 3: chmod("dir/f", 0600), link("dir/f", "dir/g"); break;
            case 4: truncate("dir/f", 3); break;
            case 5: rename("dir/g", "dir/f"), unlink("dir/g"); break;
            case 6: unlink("dir/f"); break;
            case 7: rmdir("dir"); break;
            }
            pass(done);
        }
    });
    const char *names[] = {"mkdir", "create", "append", "chmod, link", "truncate", "rename onto itself", "unlink", "rmdir"};
    step("before");
    for (int i = 0; i < 8; i++) {
        pass(go);
        await(done);
        step(names[i]);
    }
    RET(access("dir", F_OK));
    reap("child", child);
    return 0;
}
