// Capabilities, securebits, keepcaps and groups over fork and exec of a program without privileges.
#include "process.h"
#include <grp.h>
#include <linux/capability.h>
static void show(const char *who)
{
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct d[2] = {0};
    gid_t groups[10];
    syscall(SYS_capget, &h, d);
    int n = getgroups(10, groups);
    say("%s: chown %d, kill %d, keepcaps %d, groups %d %d", who, d[0].effective & 1, d[0].effective >> CAP_KILL & 1, prctl(PR_GET_KEEPCAPS), n, n > 1 ? (int)groups[1] : -1);
}
int main(void)
{
    gid_t groups[] = {100, 200, 300};
    setgroups(3, groups);
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct d[2] = {0};
    d[0].effective = d[0].permitted = 1 << CAP_CHOWN | 1 << CAP_SETUID | 1 << CAP_SETGID;
    RET(syscall(SYS_capset, &h, d));
    prctl(PR_SET_KEEPCAPS, 1);
    reap("child", CHILD({
        show("child");
        RET(setresuid(50, 50, 50));
        show("child of another user");
        reap("grandchild", CHILD(show("grandchild")));
    }));
    show("parent");
    return 0;
}
