// Files that children make have their umask's modes and their user's ids.
#include "process.h"
int main(void)
{
    chmod(".", 0777);
    reap("child", CHILD({
        umask(0);
        setresgid(30, 30, 30), setresuid(20, 20, 20);
        close(open("theirs", O_CREAT | O_WRONLY, 0666));
        mkdir("dir", 0777);
        RET(chown("theirs", 21, -1));
        RET(chmod("theirs", 0640));
    }));
    struct stat st;
    stat("theirs", &st);
    say("%o %d %d", st.st_mode & 07777, st.st_uid, st.st_gid);
    stat("dir", &st);
    say("%o %d %d", st.st_mode & 07777, st.st_uid, st.st_gid);
    put_file("mine", "x", 1);
    chmod("mine", 0600);
    reap("other", CHILD({
        setresuid(20, 20, 20);
        OK(open("mine", O_RDONLY));
        RET(unlink("mine"));
    }));
    return 0;
}
