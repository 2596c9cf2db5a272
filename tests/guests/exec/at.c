// execveat(2): directories, descriptors, files without a name.
#include "exec.h"

static int at(int fd, const char *path, int flags)
{
    return syscall(SYS_execveat, fd, path, (char *[]){"at", NULL}, environ, flags);
}

// What the program sees of how it was started.
static void show(int argc, char **argv)
{
    char name[17] = "";
    prctl(PR_GET_NAME, name);
    const char *executed = (char *)getauxval(AT_EXECFN);
    bool short_name = !strncmp(executed, "/dev/fd/", 8);
    say("  AT_EXECFN %s, %d arguments, last %s", short_name ? executed : last_part(executed), argc, argv[argc - 1]);
    say("  file %s", last_part(self()));
}

int main(int argc, char **argv)
{
    int stage = getenv("STAGE") ? atoi(getenv("STAGE")) : 0;
    static char text[] = "STAGE=0";
    if (stage)
        show(argc, argv);
    for (int fd = 3; fd < 10; fd++)
        close(fd);
    static char *environment[] = {text, NULL};
    environ = environment;
    text[6] = '1' + stage;
    if (stage == 0) {
        mkdir("d", 0755);
        copy_self("d/program", 0755);
        symlink("program", "d/link");
        put_program("d/script", "#!d/program argument\n", 0755);
    }
    int directory = MUST(open("d", O_RDONLY | O_DIRECTORY));
    int program = stage < 8 ? MUST(open("d/program", O_PATH | O_CLOEXEC)) : -1;
    int script = MUST(open("d/script", O_RDONLY));
    switch (stage) {
    case 0:
        RET(at(directory, "program", 0x40000));
        RET(at(99, "program", 0));
        RET(at(99, "", AT_EMPTY_PATH));
        RET(at(program, "", 0));
        RET(at(program, "x", 0));
        RET(at(directory, "", AT_EMPTY_PATH));
        RET(at(AT_FDCWD, "", AT_EMPTY_PATH));
        RET(at(directory, "link", AT_SYMLINK_NOFOLLOW));
        RET(at(directory, "missing", 0));
        fcntl(script, F_SETFD, FD_CLOEXEC);
        RET(at(script, "", AT_EMPTY_PATH));
        RET(at(directory, NULL, AT_EMPTY_PATH));
        say("in a directory");
        at(directory, "program", 0);
        break;
    case 1:
        say("by its descriptor");
        at(program, "", AT_EMPTY_PATH);
        break;
    case 2:
        say("a link");
        at(directory, "link", 0);
        break;
    case 3:
        say("a script in a directory");
        at(directory, "script", 0);
        break;
    case 4:
        say("a script by its descriptor");
        at(script, "", AT_EMPTY_PATH);
        break;
    case 5:
        say("no directory for an absolute path");
        at(99, self(), 0);
        break;
    case 6:;
        say("from memory");
        int memory = MUST(memfd_create("memory", MFD_CLOEXEC));
        int from = MUST(open("d/program", O_RDONLY));
        char block[65536];
        for (ssize_t got; (got = read(from, block, sizeof block)) > 0;)
            MUST(write(memory, block, got));
        RET(fchmod(memory, 0600));
        RET(at(memory, "", AT_EMPTY_PATH));
        RET(fchmod(memory, 0755));
        at(memory, "", AT_EMPTY_PATH);
        break;
    case 7:
        say("a file without a name");
        MUST(rename("d/program", "d/gone"));
        int gone = MUST(open("d/gone", O_RDONLY));
        unlink("d/gone");
        at(gone, "", AT_EMPTY_PATH);
        break;
    default:
        return 5;
    }
    die("execveat");
}
