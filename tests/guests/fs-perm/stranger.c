// A user with no rights but others': what is refused.
// users: nobody
// allow: (mount|umount|syscall.SYS_reboot).* => .*ENOSYS : not served by the kernel
#include "guest.h"
#include <grp.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/time.h>
int main(void)
{
    struct stat st;
    if (geteuid() == 0)
        die("this program is not for root");
    put_file("mine", "x", 1);
    stat("mine", &st);
    YES(st.st_uid == getuid() && getuid() == 65534);
    OK(open("/etc/passwd", O_RDONLY));
    OK(open("/etc/passwd", O_WRONLY));
    OK(open("/etc/new-file", O_CREAT | O_WRONLY, 0644));
    RET(unlink("/etc/passwd"));
    RET(mkdir("/new-directory", 0755));
    RET(chmod("/etc/passwd", 0777));
    RET(chown("mine", 0, 0));
    RET(chown("mine", -1, -1));
    RET(chown("mine", 65534, 65534));
    RET(chmod("mine", 06755));
    stat("mine", &st);
    say("mode %o", st.st_mode);
    RET(setuid(0));
    RET(setgid(0));
    RET(setgroups(0, 0));
    RET(seteuid(65534));
    RET(setresuid(-1, -1, -1));
    RET(setresuid(0, -1, -1));
    RET(chroot("."));
    RET(mount("none", "/tmp", "tmpfs", 0, 0));
    RET(umount("/proc"));
    RET(sethostname("x", 1));
    RET(mknod("device", S_IFCHR | 0666, 0x103));
    RET(setpriority(0, 0, -5));
    RET(nice(-5));
    RET(settimeofday(&(struct timeval){0}, 0));
    RET(clock_settime(CLOCK_REALTIME, &(struct timespec){0}));
    RET(syscall(SYS_reboot, 0, 0, 0, 0));
    return 0;
}
