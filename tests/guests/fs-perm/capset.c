// Capabilities are given up one by one and do not come back.
// users: root nobody
#include "guest.h"
#include <linux/capability.h>
#include <sys/prctl.h>
static struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
static struct __user_cap_data_struct data[2];
static bool has(int number) { return data[0].effective >> number & 1; }
int main(void)
{
    RET(syscall(SYS_capget, &header, data));
    RET(syscall(SYS_capset, &header, data));
    put_file("f", "x", 1);
    if (has(CAP_CHOWN)) {
        RET(chown("f", 1, 1));
        data[0].effective &= ~(1u << CAP_CHOWN);
        RET(syscall(SYS_capset, &header, data));
        RET(chown("f", 2, 2));
        data[0].effective |= 1u << CAP_CHOWN;
        RET(syscall(SYS_capset, &header, data));
        RET(chown("f", 2, 2));
        data[0].effective &= ~(1u << CAP_CHOWN), data[0].permitted &= ~(1u << CAP_CHOWN);
        RET(syscall(SYS_capset, &header, data));
    }
    data[0].permitted |= 1u << CAP_CHOWN;
    RET(syscall(SYS_capset, &header, data));
    data[0].permitted &= ~(1u << CAP_CHOWN);
    data[0].effective |= 1u << CAP_CHOWN;
    RET(syscall(SYS_capset, &header, data));
    RET(syscall(SYS_capget, &header, data));
    say("chown %d", has(CAP_CHOWN));
    header.pid = 0x7ffffff0;
    RET(syscall(SYS_capget, &header, data));
    RET(syscall(SYS_capset, &header, data));
    header.pid = -1;
    RET(syscall(SYS_capget, &header, data));
    header.pid = 0;
    RET(syscall(SYS_capset, &header, 8));
    header.version = 7;
    RET(syscall(SYS_capset, &header, data));
    RET(prctl(PR_CAPBSET_DROP, 200));
    RET(prctl(PR_SET_KEEPCAPS, 1));
    RET(prctl(PR_GET_KEEPCAPS));
    return 0;
}
