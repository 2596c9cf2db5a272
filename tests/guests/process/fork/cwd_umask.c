// Working directory and umask are copied, and from then on each process has its own.
// variants: static musl
#include "process.h"
static void show(const char *who)
{
    char path[4096], *last = strrchr(getcwd(path, sizeof path), '/');
    mode_t mask = umask(0);
    umask(mask);
    say("%s: in %s, umask %03o", who, last + 1, mask);
}
int main(void)
{
    mkdir("one", 0755), mkdir("one/two", 0755);
    chdir("one");
    umask(027);
    gate go = new_gate(), done = new_gate();
    pid_t child = CHILD({
        show("child");
        chdir("two");
        umask(0);
        close(open("made", O_CREAT | O_WRONLY, 0666));
        pass(done);
        await(go);
        show("child");
    });
    await(done);
    show("parent");
    struct stat st;
    RET(stat("two/made", &st));
    say("mode %o", st.st_mode & 0777);
    umask(077);
    chdir("/");
    pass(go);
    reap("child", child);
    return 0;
}
