// uname, sysinfo, sysconf, host name, getpid and friends, times and usage.
// variants: static musl
#include "guest.h"
#include <sys/wait.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
int main(void)
{
    struct utsname u;
    RET(uname(&u));
    int major = 0, minor = 0;
    YES(sscanf(u.release, "%d.%d", &major, &minor) == 2 && (major > 5 || (major == 5 && minor >= 10)));
    say("%s %s", u.sysname, u.machine);
    YES(u.version[0] == '#' && u.nodename[0]);
    char name[65];
    RET(gethostname(name, sizeof name));
    YES(!strcmp(name, u.nodename));
    RET(syscall(SYS_uname, 8));
    struct sysinfo s;
    RET(sysinfo(&s));
    YES(s.totalram > 0 && s.freeram <= s.totalram && s.mem_unit >= 1 && s.procs >= 1);
    RET(syscall(SYS_sysinfo, 8));
    say("page size %ld, clock ticks %ld", sysconf(_SC_PAGESIZE), sysconf(_SC_CLK_TCK));
    YES(sysconf(_SC_NPROCESSORS_ONLN) >= 1 && sysconf(_SC_PHYS_PAGES) > 1000 && sysconf(_SC_AVPHYS_PAGES) > 0);
    struct rusage r;
    for (volatile int i = 0; i < 30000000; i++)
        ;
    RET(getrusage(RUSAGE_SELF, &r));
    YES(r.ru_utime.tv_sec * 1000000 + r.ru_utime.tv_usec > 1000 && r.ru_maxrss > 0);
    RET(getrusage(RUSAGE_THREAD, &r));
    RET(getrusage(RUSAGE_CHILDREN, &r));
    say("children %ld", (long)r.ru_utime.tv_usec);
    RET(getrusage(7, &r));
    RET(syscall(SYS_getrusage, RUSAGE_SELF, 8));
    YES(getpid() > 0 && getppid() >= 0 && getpgrp() == getpgid(0) && getsid(0) == getsid(getpid()));
    RET(getpgid(0x7ffffff0));
    RET(getsid(0x7ffffff0));
    RET(setpgid(0x7ffffff0, 0));
    RET(setpgid(0, -1));
    RET(syscall(SYS_personality, 0xffffffff));
    RET(wait(0));
    RET(waitpid(12345678, 0, WNOHANG));
    RET(syscall(SYS_waitid, 77, 0, 0, 0, 0));
    RET(syscall(SYS_umask, 022));
    return 0;
}
