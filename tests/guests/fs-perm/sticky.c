// Sticky directories: only the owner of the file or directory may remove or rename.
#include "guest.h"
int main(void)
{
    umask(0);
    mkdir("s", 01777), chmod("s", 01777), mkdir("plain", 0777);
    put_file("s/root", "", 0), put_file("s/a", "", 0), put_file("plain/root", "", 0), put_file("s/a2", "", 0);
    chown("s/a", 1000, 1000), chown("s/a2", 1000, 1000);
    mkdir("s/dir", 0777);
    struct stat st;
    stat("s", &st);
    say("mode %o", st.st_mode);
    MUST(setresgid(1000, 1000, 1000));
    MUST(seteuid(1000));
    RET(unlink("s/root"));
    RET(rename("s/root", "s/x"));
    RET(rename("s/a2", "s/root"));
    RET(rename("s/a2", "s/b"));
    RET(rmdir("s/dir"));
    RET(unlink("s/a"));
    RET(unlink("plain/root"));
    OK(open("s/root", O_WRONLY));
    OK(open("s/new", O_CREAT | O_WRONLY, 0666));
    MUST(seteuid(0));
    MUST(seteuid(1001));
    RET(unlink("s/new"));
    RET(rename("s/b", "plain/b"));
    MUST(seteuid(0));
    RET(unlink("s/new"));
    RET(unlink("s/b"));
    return 0;
}
