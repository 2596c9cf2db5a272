// statfs, fstatfs, statvfs: sane values, errors.
#include "guest.h"
#include <sys/statvfs.h>
#include <sys/vfs.h>
int main(void)
{
    struct statfs s;
    struct statvfs v;
    RET(statfs(".", &s));
    YES(s.f_bsize >= 512 && s.f_blocks > 0 && s.f_bfree <= s.f_blocks && s.f_bavail <= s.f_bfree && s.f_namelen == 255);
    RET(fstatfs(open(".", O_RDONLY), &s));
    RET(statfs("/proc", &s));
    say("proc %lx", (long)s.f_type);
    RET(statfs("/", &s));
    RET(statfs("/dev/null", &s));
    RET(statfs("none", &s));
    RET(statfs("", &s));
    RET(fstatfs(99, &s));
    int pipes[2];
    pipe(pipes);
    RET(fstatfs(pipes[0], &s));
    say("pipe %lx", (long)s.f_type);
    RET(statfs(".", (void *)8));
    RET(statfs((void *)8, &s));
    RET(statvfs(".", &v));
    YES(v.f_namemax == 255 && v.f_frsize >= 512);
    return 0;
}
