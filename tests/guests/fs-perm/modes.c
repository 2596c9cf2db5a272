// Permission checks of files and directories by owner, group and others, with and without privilege.
#include "guest.h"
#include <grp.h>
#define TRY(path, flags) ({ int f_ = open(path, flags); say("  open(%s, %s): %s", path, #flags, f_ < 0 ? error_name(errno) : "ok"); close(f_); })
static int here;
#define MAKE(what, failed) say("  %s: %s", what, (failed) ? error_name(errno) : "ok")
static void look(const char *who)
{
    say("%s", who);
    TRY("owner", O_RDONLY), TRY("owner", O_WRONLY);
    TRY("group", O_RDONLY), TRY("group", O_WRONLY);
    TRY("other", O_RDONLY), TRY("other", O_WRONLY);
    TRY("nothing", O_RDONLY), TRY("nothing", O_RDWR);
    TRY("d-x/f", O_RDONLY), TRY("d-r/f", O_RDONLY), TRY("d-none/f", O_RDONLY);
    TRY("d-x", O_RDONLY), TRY("d-r", O_RDONLY), TRY("d-none", O_RDONLY);
    MAKE("create", open("d-w/new", O_CREAT | O_EXCL | O_WRONLY, 0644) < 0);
    MAKE("create without w", open("d-x/new", O_CREAT | O_WRONLY, 0644) < 0);
    MAKE("mkdir without w", mkdir("d-r/new", 0755));
    MAKE("unlink", unlink("d-w/new"));
    MAKE("unlink without w", unlink("d-x/new"));
    MAKE("rmdir without w", rmdir("d-r/new"));
    MAKE("access r", access("owner", R_OK));
    MAKE("access w", access("owner", W_OK));
    MAKE("access x", access("owner", X_OK));
    MAKE("access program x", access("program", X_OK));
    MAKE("access program w", access("program", W_OK));
    MAKE("chmod", chmod("owner", 0600));
    MAKE("chown", chown("owner", 1000, 100));
    MAKE("utimes now", utimensat(AT_FDCWD, "owner", 0, 0));
    MAKE("utimes now, writable", utimensat(AT_FDCWD, "other", 0, 0));
    MAKE("utimes set, writable", utimensat(AT_FDCWD, "other", (struct timespec[]){{1, 1}, {1, 1}}, 0));
    MAKE("truncate", truncate("other", 3));
    MAKE("chdir x", chdir("d-x"));
    fchdir(here);
    MAKE("chdir r", chdir("d-r"));
    fchdir(here);
    MAKE("chdir none", chdir("d-none"));
    fchdir(here);
    MAKE("stat in x", access("d-x/f", F_OK));
    MAKE("stat in r", access("d-r/f", F_OK));
}
static void file(const char *path, mode_t mode, uid_t uid, gid_t gid)
{
    put_file(path, "x", 1);
    MUST(chown(path, uid, gid));
    MUST(chmod(path, mode));
}
static void as_user(const int *id)
{
    gid_t groups[] = {100, 200};
    syscall(SYS_setgroups, id[2], groups);
    syscall(SYS_setresgid, id[1], id[1], id[1]);
    syscall(SYS_setresuid, id[0], id[0], id[0]);
}
int main(void)
{
    umask(0);
    mkdir("w", 0755), MUST(chdir("w"));
    file("owner", 0600, 1000, 100), file("group", 0060, 1001, 100), file("other", 0006, 1001, 101), file("nothing", 0, 1000, 100);
    file("program", 0711, 1001, 101);
    mkdir("d-x", 0711), mkdir("d-r", 0744), mkdir("d-none", 0700), mkdir("d-w", 0777);
    file("d-x/f", 0666, 0, 0), file("d-r/f", 0666, 0, 0), file("d-none/f", 0666, 0, 0);
    here = open(".", O_RDONLY);
    // Each look has its own credentials; the raw system calls act on this thread alone.
    int member[] = {1005, 300, 2};
    look("root");
    syscall(SYS_setfsgid, 100), syscall(SYS_setfsuid, 1000);
    look("owner, by setfsuid");
    syscall(SYS_setfsuid, 0), syscall(SYS_setfsgid, 0);
    as_user(member);
    look("member of the group");
    return 0;
}
