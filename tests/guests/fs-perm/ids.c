// User and group ids: the set*id family as Linux has it, real, effective and saved, supplementary groups.
#include "guest.h"
#include <grp.h>
static void show(const char *what)
{
    uid_t r, e, s;
    gid_t gr, ge, gs;
    getresuid(&r, &e, &s), getresgid(&gr, &ge, &gs);
    say("%s: uid %u %u %u gid %u %u %u fs %ld %ld", what, r, e, s, gr, ge, gs, (long)syscall(SYS_setfsuid, -1), (long)syscall(SYS_setfsgid, -1));
}
int main(void)
{
    gid_t groups[10] = {5, 6, 7};
    show("start");
    RET(setgroups(3, groups));
    RET(getgroups(0, 0));
    RET(getgroups(2, groups));
    RET(getgroups(10, groups));
    say("%u %u %u", groups[0], groups[1], groups[2]);
    RET(setgroups(-1, groups));
    RET(setgroups(70000, groups));
    RET(setgroups(1, (void *)8));
    RET(getgroups(-1, groups));
    RET(setresgid(10, 20, 30)), show("setresgid");
    RET(setregid(20, -1)), show("setregid");
    RET(setegid(10)), show("setegid");
    RET(setgid(40)), show("setgid as root");
    RET(seteuid(1000)), show("seteuid");
    RET(setuid(1001));
    RET(setegid(41));
    RET(setegid(40));
    RET(seteuid(0)), show("back");
    RET(setresuid(1000, 1001, 1002)), show("setresuid");
    RET(setresuid(1003, -1, -1));
    RET(seteuid(1002)), show("seteuid to saved");
    RET(setuid(1000)), show("setuid");
    RET(setreuid(1002, -1));
    RET(setreuid(-1, 1002)), show("setreuid");
    RET(setreuid(1002, 1000)), show("setreuid both");
    RET(setuid(0));
    RET(setgroups(0, 0));
    RET(setgid(0));
    RET(setresgid(40, 40, 40));
    RET(syscall(SYS_getresuid, 8, 8, 8));
    return 0;
}
