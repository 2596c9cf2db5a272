// access with real ids, faccessat with effective ones, root and the execute bit.
#include "guest.h"
int main(void)
{
    put_file("f", "", 0), chmod("f", 0600);
    put_file("x", "", 0), chmod("x", 0100);
    put_file("n", "", 0), chmod("n", 0);
    mkdir("d", 0);
    RET(access("n", R_OK | W_OK));
    RET(access("n", X_OK));
    RET(access("x", X_OK));
    RET(access("d", R_OK | W_OK | X_OK));
    RET(access("f", 8));
    RET(access("f", -1));
    RET(access("", F_OK));
    RET(access((char *)8, F_OK));
    MUST(setresuid(1000, 0, 0));
    RET(access("f", R_OK));
    RET(faccessat(AT_FDCWD, "f", R_OK, AT_EACCESS));
    RET(syscall(SYS_faccessat2, AT_FDCWD, "f", R_OK, AT_EACCESS));
    RET(syscall(SYS_faccessat2, AT_FDCWD, "f", R_OK, 0));
    RET(syscall(SYS_faccessat2, AT_FDCWD, "f", R_OK, 0x8));
    RET(access("d/x", F_OK));
    OK(open("f", O_RDONLY));
    symlink("none", "l");
    RET(access("l", F_OK));
    RET(syscall(SYS_faccessat2, AT_FDCWD, "l", F_OK, AT_SYMLINK_NOFOLLOW));
    return 0;
}
