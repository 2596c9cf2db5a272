// chroot: absolute paths and ".." stay inside; errors.
#include "guest.h"
int main(void)
{
    mkdir("r", 0755), mkdir("r/d", 0755), put_file("r/inside", "", 0), put_file("outside", "", 0);
    RET(chroot("none"));
    RET(chroot("outside"));
    RET(chroot("r"));
    RET(chdir("/"));
    RET(access("/inside", F_OK));
    RET(access("../inside", F_OK));
    RET(access("/../../outside", F_OK));
    RET(access("/proc/self", F_OK));
    symlink("/inside", "/d/absolute");
    RET(access("/d/absolute", F_OK));
    char cwd[100];
    RET(syscall(SYS_getcwd, cwd, 100));
    say("%s", cwd);
    MUST(setuid(65534));
    RET(chroot("/d"));
    return 0;
}
