// getrlimit, setrlimit, prlimit: values, order, rights, errors.
// variants: static musl
// users: root nobody
#include "guest.h"
#include <sys/resource.h>
int main(void)
{
    struct rlimit l;
    int sane = 0;
    for (int i = 0; i < RLIMIT_NLIMITS; i++) {
        MUST(getrlimit(i, &l));
        sane += l.rlim_cur <= l.rlim_max;
    }
    say("%d of %d sane", sane, RLIMIT_NLIMITS);
    RET(getrlimit(RLIMIT_NLIMITS, &l));
    RET(getrlimit(-1, &l));
    RET(syscall(SYS_getrlimit, RLIMIT_NOFILE, 8));
    RET(syscall(SYS_setrlimit, RLIMIT_NOFILE, 8));
    getrlimit(RLIMIT_CPU, &l);
    say("cpu unlimited %d", l.rlim_cur == RLIM_INFINITY);
    getrlimit(RLIMIT_FSIZE, &l);
    say("fsize unlimited %d", l.rlim_cur == RLIM_INFINITY);
    l = (struct rlimit){100, 200};
    RET(setrlimit(RLIMIT_NOFILE, &l));
    getrlimit(RLIMIT_NOFILE, &l);
    say("%ld %ld", (long)l.rlim_cur, (long)l.rlim_max);
    l = (struct rlimit){201, 200};
    RET(setrlimit(RLIMIT_NOFILE, &l));
    l = (struct rlimit){150, 300};
    if (geteuid())
        RET(setrlimit(RLIMIT_NOFILE, &l)); // raising the hard limit takes a privilege, which root may lack
    l = (struct rlimit){50, 100};
    RET(setrlimit(RLIMIT_NOFILE, &l));
    struct rlimit old, new = {60, 90};
    RET(prlimit(0, RLIMIT_NOFILE, &new, &old));
    say("old %ld %ld", (long)old.rlim_cur, (long)old.rlim_max);
    RET(prlimit(getpid(), RLIMIT_NOFILE, 0, &old));
    say("now %ld %ld", (long)old.rlim_cur, (long)old.rlim_max);
    RET(prlimit(0x7ffffff0, RLIMIT_NOFILE, 0, &old));
    RET(syscall(SYS_prlimit64, 0, 99, 0, &old));
    RET(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, 8, 0));
    RET(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, 8));
    l = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
    RET(setrlimit(RLIMIT_NOFILE, &l));
    say("sysconf %ld", sysconf(_SC_OPEN_MAX));
    l = (struct rlimit){1 << 20, 1 << 20};
    RET(setrlimit(RLIMIT_STACK, &l));
    getrlimit(RLIMIT_STACK, &l);
    say("stack %ld", (long)l.rlim_cur);
    return 0;
}
