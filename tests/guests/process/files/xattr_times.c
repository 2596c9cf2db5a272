// Times and ids that one process sets are what another sees; utimes of an inherited descriptor.
#include "process.h"
int main(void)
{
    put_file("f", "x", 1);
    int fd = open("f", O_RDWR);
    struct timespec t[2] = {{1000, 5}, {2000, 7}};
    reap("child", CHILD({
        futimens(fd, t);
        fchown(fd, 11, 12);
        fchmod(fd, 04711);
    }));
    struct stat st;
    stat("f", &st);
    say("%ld %ld %ld %ld, %d %d %o", st.st_atim.tv_sec, st.st_atim.tv_nsec, st.st_mtim.tv_sec, st.st_mtim.tv_nsec, st.st_uid, st.st_gid, st.st_mode & 07777);
    reap("child writes as another user", CHILD(setresuid(11, 11, 11); write(fd, "y", 1)));
    stat("f", &st);
    say("mode after a write %o, newer %d", st.st_mode & 07777, st.st_mtim.tv_sec > 2000);
    return 0;
}
