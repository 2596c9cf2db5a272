// Set-user-ID and set-group-ID programs.
// args: user
// args: group
// args: group-no-execute
// args: both
// args: no-new-privileges
// args: plain
// args: to-root
// args: script
// args: unreadable
// args: root-again
#include "exec.h"
#include <sys/resource.h>

static void show(void)
{
    uid_t u[3];
    gid_t g[3];
    getresuid(&u[0], &u[1], &u[2]);
    getresgid(&g[0], &g[1], &g[2]);
    say("user %d %d %d, group %d %d %d", u[0], u[1], u[2], g[0], g[1], g[2]);
    say("secure %lu, AT_EUID %lu, AT_EGID %lu", getauxval(AT_SECURE), getauxval(AT_EUID), getauxval(AT_EGID));
    say("dumpable %d", prctl(PR_GET_DUMPABLE));
    int number = -1;
    prctl(PR_GET_PDEATHSIG, &number);
    say("parent death signal %d", number);
    say("CapPrm some %d, CapEff some %d", strtoull(status_of("CapPrm:"), NULL, 16) != 0,
        strtoull(status_of("CapEff:"), NULL, 16) != 0);
    struct rlimit limit;
    getrlimit(RLIMIT_STACK, &limit);
    say("stack %ld", (long)limit.rlim_cur);
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[argc - 1], "after")) {
        show();
        unlink(getenv("COPY"));
        return 6;
    }
    // Beside the program: the directory of the test may not allow set-user-ID programs.
    static char copy[PATH_MAX + 16], variable[PATH_MAX + 24];
    snprintf(copy, sizeof copy, "%s.%d", self(), getpid());
    copy_self(copy, 0755);
    const char *what = argv[1];
    bool to_root = !strcmp(what, "to-root");
    MUST(chown(copy, to_root ? 0 : 4321, to_root ? 0 : 5432));
    mode_t mode = 0755;
    if (!strcmp(what, "user") || !strcmp(what, "no-new-privileges") || to_root)
        mode = 04755;
    if (!strcmp(what, "group"))
        mode = 02755;
    if (!strcmp(what, "group-no-execute"))
        mode = 02745;
    if (!strcmp(what, "both") || !strcmp(what, "script"))
        mode = 06755;
    if (!strcmp(what, "unreadable"))
        mode = 0711;
    MUST(chmod(copy, mode));
    if (!strcmp(what, "no-new-privileges"))
        MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    setrlimit(RLIMIT_STACK, &(struct rlimit){32 << 20, RLIM_INFINITY});
    MUST(setresgid(1234, 1234, 1234));
    if (!strcmp(what, "root-again"))
        MUST(seteuid(1234));
    else
        MUST(setresuid(1234, 1234, 1234));
    prctl(PR_SET_PDEATHSIG, SIGWINCH);
    prctl(PR_SET_DUMPABLE, 1);
    snprintf(variable, sizeof variable, "COPY=%s", copy);
    char *environment[] = {variable, NULL};
    if (!strcmp(what, "script")) {
        // The script's own bits do not count, the interpreter's do.
        char text[PATH_MAX + 32];
        snprintf(text, sizeof text, "#!%s\n", copy);
        put_program("script", text, 06777);
        execve("./script", (char *[]){"x", "after", NULL}, environment);
    } else {
        execve(copy, (char *[]){"x", "after", NULL}, environment);
    }
    die("execve");
}
