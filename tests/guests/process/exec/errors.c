// execve's errors: the caller goes on as before.
#include "process.h"
static long run(const char *path)
{
    char *argv[] = {"x", NULL}, *env[] = {NULL};
    return execve(path, argv, env);
}
int main(void)
{
    put_file("text", "no program\n", 11), put_file("empty", "", 0);
    put_file("short", "\177ELF", 4), put_file("script", "#!/nonexistent/interpreter\n", 27);
    put_file("bare", "#!\n", 3), put_file("self", "#!self\n", 7), put_file("locked", "x", 1);
    chmod("text", 0755), chmod("empty", 0755), chmod("short", 0755), chmod("script", 0755), chmod("bare", 0755), chmod("self", 0755);
    symlink("loop", "loop"), mkdir("d", 0755);
    char text[5000];
    memset(text, 'x', sizeof text - 1), text[4999] = 0;
    reap("child", CHILD({
        RET(run("missing"));
        RET(run("text/below"));
        RET(run("text"));
        RET(run("empty"));
        RET(run("short"));
        RET(run("script"));
        RET(run("bare"));
        RET(run("self"));
        RET(run("locked"));
        RET(run("d"));
        RET(run("loop"));
        RET(run(""));
        RET(run(text));
        RET(execve((void *)8, NULL, NULL));
        RET(execve("/bin/true", (void *)8, NULL));
        RET(syscall(SYS_execveat, -1, "missing", NULL, NULL, 0));
        RET(syscall(SYS_execveat, AT_FDCWD, "missing", NULL, NULL, 0x1000000));
        RET(syscall(SYS_execveat, AT_FDCWD, "loop", NULL, NULL, AT_SYMLINK_NOFOLLOW));
    }));
    int writing = open("program", O_CREAT | O_WRONLY, 0755);
    RET(run("program"));
    close(writing);
    RET(run("program"));
    return 0;
}
