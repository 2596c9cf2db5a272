// Calls that need privilege, other processes or devices: what a plain program sees of them.
// allow: .* => .*ENOSYS : not served by the kernel
#include "guest.h"
#include <sys/ptrace.h>
#include <sys/swap.h>
int main(void)
{
    MUST(setuid(65534));
    RET(syscall(SYS_ptrace, PTRACE_ATTACH, 1, 0, 0));
    RET(syscall(SYS_swapon, "f", 0));
    RET(syscall(SYS_pivot_root, ".", "."));
    RET(syscall(SYS_acct, 0));
    RET(syscall(SYS_sethostname, "x", 1));
    RET(syscall(SYS_setdomainname, "x", 1));
    RET(syscall(9999));
    RET(syscall(-1));
    RET(syscall(SYS_uselib, "x"));
    RET(syscall(SYS_vserver));
    RET(syscall(SYS_tuxcall));
    RET(syscall(SYS_security));
    RET(syscall(SYS_getpmsg));
    return 0;
}
