// Permission checks of files and directories by owner, group and others, with and without privilege.
#include "guest.h"
#include <grp.h>
#define TRY(path, flags) ({ int f_ = open(path, flags); say("  open(%s, %s): %s", path, #flags, f_ < 0 ? error_name(errno) : "ok"); close(f_); })
static void look(const char *who)
{
    say("%s", who);
    TRY("owner", O_RDONLY), TRY("owner", O_WRONLY);
    TRY("group", O_RDONLY), TRY("group", O_WRONLY);
    TRY("other", O_RDONLY), TRY("other", O_WRONLY);
    TRY("nothing", O_RDONLY), TRY("nothing", O_RDWR);
    TRY("d-x/f", O_RDONLY), TRY("d-r/f", O_RDONLY), TRY("d-none/f", O_RDONLY);
    TRY("d-x", O_RDONLY), TRY("d-r", O_RDONLY), TRY("d-none", O_RDONLY);
    say("  create: %s %s %s", open("d-w/new", O_CREAT | O_EXCL | O_WRONLY, 0644) < 0 ? error_name(errno) : "ok",
        open("d-x/new", O_CREAT | O_WRONLY, 0644) < 0 ? error_name(errno) : "ok", mkdir("d-r/new", 0755) ? error_name(errno) : "ok");
    say("  unlink: %s", unlink("d-w/new") ? error_name(errno) : "ok");
    say("  access owner: r %s w %s x %s", access("owner", R_OK) ? error_name(errno) : "ok", access("owner", W_OK) ? error_name(errno) : "ok",
        access("owner", X_OK) ? error_name(errno) : "ok");
    say("  access program: %s, none: %s", access("program", X_OK) ? error_name(errno) : "ok", access("program", W_OK) ? error_name(errno) : "ok");
    say("  chmod %s, chown %s, utimes %s, truncate %s", chmod("owner", 0600) ? error_name(errno) : "ok",
        chown("owner", 1000, 100) ? error_name(errno) : "ok", utimensat(AT_FDCWD, "owner", 0, 0) ? error_name(errno) : "ok",
        truncate("other", 3) ? error_name(errno) : "ok");
    say("  chdir %s %s %s", chdir("d-x/.") ? error_name(errno) : "ok", chdir("../d-r") ? error_name(errno) : "ok", chdir("..") ? error_name(errno) : "ok");
}
static void file(const char *path, mode_t mode, uid_t uid, gid_t gid)
{
    put_file(path, "x", 1);
    MUST(chown(path, uid, gid));
    MUST(chmod(path, mode));
}
static void *as_user(void *argument)
{
    const int *id = argument;
    gid_t groups[] = {100, 200};
    // Raw calls act on this thread alone.
    syscall(SYS_setgroups, id[2], groups);
    syscall(SYS_setresgid, id[1], id[1], id[1]);
    syscall(SYS_setresuid, id[0], id[0], id[0]);
    return NULL;
}
int main(void)
{
    umask(0);
    mkdir("w", 0755), MUST(chdir("w"));
    file("owner", 0600, 1000, 100), file("group", 0060, 1001, 100), file("other", 0006, 1001, 101), file("nothing", 0, 1000, 100);
    file("program", 0711, 1001, 101);
    mkdir("d-x", 0711), mkdir("d-r", 0744), mkdir("d-none", 0700), mkdir("d-w", 0777);
    file("d-x/f", 0666, 0, 0), file("d-r/f", 0666, 0, 0), file("d-none/f", 0666, 0, 0);
    look("root");
    int owner[] = {1000, 100, 0}, member[] = {1005, 300, 2}, stranger[] = {1005, 300, 0};
    (void)stranger;
    // Each look needs its own credentials: raw system calls on one thread at a time, the working directory is shared.
    int pid_fs = 0;
    (void)pid_fs;
    syscall(SYS_setfsgid, 100), syscall(SYS_setfsuid, 1000);
    look("owner, by setfsuid");
    syscall(SYS_setfsuid, 0), syscall(SYS_setfsgid, 0);
    as_user(member);
    look("member of the group");
    (void)owner;
    return 0;
}
