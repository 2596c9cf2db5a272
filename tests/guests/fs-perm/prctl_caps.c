// prctl and capabilities: no-new-privileges, dumpable, keep-capabilities, capget.
#include "guest.h"
#include <linux/capability.h>
#include <sys/prctl.h>
int main(void)
{
    char name[17] = {0};
    RET(prctl(PR_GET_NAME, name));
    say("%d", (int)strlen(name) > 0 && strlen(name) < 16);
    RET(prctl(PR_SET_NAME, "sixteen-or-more-characters"));
    prctl(PR_GET_NAME, name);
    say("%s", name);
    char comm[32] = {0};
    read(open("/proc/self/comm", O_RDONLY), comm, 31);
    say("comm %s", strtok(comm, "\n"));
    RET(prctl(PR_SET_NAME, 8));
    RET(prctl(PR_GET_NAME, 8));
    RET(prctl(PR_GET_DUMPABLE));
    RET(prctl(PR_SET_DUMPABLE, 0));
    RET(prctl(PR_GET_DUMPABLE));
    RET(prctl(PR_SET_DUMPABLE, 2));
    RET(prctl(PR_SET_DUMPABLE, 1));
    RET(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    RET(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
    RET(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    RET(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    RET(prctl(PR_GET_NO_NEW_PRIVS, 1, 0, 0, 0));
    RET(prctl(PR_SET_PDEATHSIG, SIGTERM));
    int number = 0;
    RET(prctl(PR_GET_PDEATHSIG, &number));
    say("%s", signal_name(number));
    RET(prctl(PR_SET_PDEATHSIG, 100));
    RET(prctl(PR_SET_PDEATHSIG, 0));
    RET(prctl(PR_GET_KEEPCAPS));
    RET(prctl(PR_SET_KEEPCAPS, 2));
    RET(prctl(PR_GET_TIMERSLACK) > 0);
    RET(prctl(PR_GET_SECCOMP));
    RET(prctl(PR_CAPBSET_READ, 0));
    RET(prctl(PR_CAPBSET_READ, 200));
    RET(prctl(123456));
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {0};
    RET(syscall(SYS_capget, &header, data));
    say("effective: CHOWN %d SETUID %d", !!(data[0].effective & 1u << CAP_CHOWN), !!(data[0].effective & 1u << CAP_SETUID));
    RET(syscall(SYS_capget, 8, data));
    header.version = 1;
    RET(syscall(SYS_capget, &header, data));
    YES(header.version == _LINUX_CAPABILITY_VERSION_3);
    MUST(setuid(65534));
    header.version = _LINUX_CAPABILITY_VERSION_3;
    RET(syscall(SYS_capget, &header, data));
    say("effective %x permitted %x", data[0].effective, data[0].permitted);
    return 0;
}
