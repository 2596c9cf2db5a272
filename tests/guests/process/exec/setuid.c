// A set-user-id program of root run by another user in a child; not with no_new_privs; the saved ids after exec.
// args: parent
#include "process.h"
#include <sys/auxv.h>
int main(int argc, char **argv)
{
    if (argc == 3) {
        uid_t r, e, s;
        gid_t rg, eg, sg;
        getresuid(&r, &e, &s), getresgid(&rg, &eg, &sg);
        say("%s: uid %d %d %d, gid %d %d %d, secure %lu", argv[2], r, e, s, rg, eg, sg, getauxval(AT_SECURE));
        return 0;
    }
    static char b[4000000];
    int in = open("/proc/self/exe", O_RDONLY);
    long n = read(in, b, sizeof b);
    // In /tmp: elsewhere such programs may be without effect.
    char program[100], suid[100];
    strcpy(program, unique("/tmp/")), strcpy(suid, program), strcat(suid, "s");
    put_file(program, b, n), chmod(program, 0755);
    put_file(suid, b, n), chown(suid, 77, 88), chmod(suid, 06755);
    gate done = new_gate();
    pid_t cleaner = CHILD(await(done); unlink(program); unlink(suid));
    if (setresgid(40, 40, 41) || setresuid(50, 50, 51))
        die("setresuid");
    reap("plain", CHILD(execl(program, "x", "-", "plain", NULL)));
    reap("set-user-id", CHILD(execl(suid, "x", "-", "set-user-id", NULL)));
    reap("no_new_privs", CHILD({
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        execl(suid, "x", "-", "no_new_privs", NULL);
    }));
    pass(done);
    reap("cleaner", cleaner);
    return 0;
}
