// prctl(2): what says little and is asked all the same, and ambient capabilities.
// users: root nobody
#include "guest.h"
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/wait.h>
static int number(int option)
{
    int value = -7;
    return prctl(option, &value) ? -errno : value;
}
static void show(const char *what)
{
    char line[256];
    FILE *status = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof line, status))
        if (!strncmp(line, "CapAmb:", 7))
            printf("%s: %s", what, line);
    fclose(status);
    fflush(stdout);
}
int main(int argc, char **argv)
{
    if (argc > 1) {
        show("after exec");
        RET(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
        RET(prctl(PR_MCE_KILL_GET, 0, 0, 0, 0));
        return 0;
    }
    say("time stamp counter: %d", number(PR_GET_TSC));
    RET(prctl(PR_SET_TSC, PR_TSC_ENABLE));
    RET(prctl(PR_SET_TSC, 3));
    RET(prctl(PR_GET_TSC, 8));
    RET(prctl(PR_GET_TIMING)), RET(prctl(PR_SET_TIMING, 0)), RET(prctl(PR_SET_TIMING, 1));
    RET(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
    RET(prctl(PR_GET_THP_DISABLE, 1, 0, 0, 0));
    RET(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
    RET(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
    RET(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 1));
    RET(prctl(PR_MCE_KILL_GET, 0, 0, 0, 0));
    RET(prctl(PR_MCE_KILL_GET, 1, 0, 0, 0));
    for (int policy = 0; policy < 4; policy++) {
        say("policy %d", policy);
        RET(prctl(PR_MCE_KILL, PR_MCE_KILL_SET, policy, 0, 0));
        RET(prctl(PR_MCE_KILL_GET, 0, 0, 0, 0));
    }
    RET(prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 1, 0));
    RET(prctl(PR_MCE_KILL, PR_MCE_KILL_CLEAR, 1, 0, 0));
    RET(prctl(PR_MCE_KILL, 5, 0, 0, 0));
    RET(prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0));

    for (int operation = 0; operation < 6; operation++)
        for (int cap = -1; cap < 100; cap += 50) {
            say("ambient %d %d", operation, cap);
            RET(prctl(PR_CAP_AMBIENT, operation, cap, 0, 0));
        }
    RET(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN, 1, 0));
    RET(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0));
    RET(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
    RET(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 1, 0, 0));
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    RET(syscall(SYS_capget, &header, data));
    data[0].inheritable |= 1 << CAP_CHOWN | 1 << CAP_KILL;
    RET(syscall(SYS_capset, &header, data));
    RET(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0));
    RET(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
    RET(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN, 0, 0));
    show("raised");
    RET(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, CAP_CHOWN, 0, 0));
    show("lowered");
    execv("/proc/self/exe", (char *[]){argv[0], "again", NULL});
    die("execv");
}
