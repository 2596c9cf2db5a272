// The directory that another process works in is renamed, moved and removed.
#include "process.h"
static void where(const char *what)
{
    char path[4096];
    char *p = getcwd(path, sizeof path);
    say("%s: %s", what, p ? strstr(p, "/one") ? strstr(p, "/one") : strstr(p, "/two") ? strstr(p, "/two") : "elsewhere" : error_name(errno));
}
int main(void)
{
    mkdir("one", 0755), mkdir("one/deep", 0755), mkdir("two", 0755);
    gate go = new_gate(), done = new_gate();
    pid_t child = CHILD({
        chdir("one/deep");
        where("before");
        pass(done), await(go);
        where("renamed");
        pass(done), await(go);
        where("moved");
        put_file("made", "x", 1);
        pass(done), await(go);
        where("removed");
        OK(open("new", O_CREAT | O_WRONLY, 0600));
        RET(chdir(".."));
        where("parent directory");
    });
    await(done);
    rename("one", "two/one2");
    pass(go), await(done);
    rename("two/one2/deep", "two/deep");
    pass(go), await(done);
    RET(unlink("two/deep/made"));
    RET(rmdir("two/deep"));
    pass(go);
    reap("child", child);
    return 0;
}
