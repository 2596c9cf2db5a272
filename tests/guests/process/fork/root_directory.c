// The root directory (chroot) is copied and then apart; a directory that was removed stays the child's working directory.
#include "process.h"
int main(void)
{
    mkdir("jail", 0755), mkdir("jail/inside", 0755), mkdir("gone", 0755);
    reap("child", CHILD({
        RET(chroot("jail"));
        RET(chdir("/"));
        RET(access("/inside", F_OK));
        reap("grandchild", CHILD(RET(access("/inside", F_OK)); RET(access("/jail", F_OK))));
    }));
    RET(access("jail/inside", F_OK));
    RET(access("/inside", F_OK));
    chdir("gone");
    gate go = new_gate();
    pid_t child = CHILD({
        await(go);
        char path[100];
        RET(getcwd(path, 100) != NULL);
        OK(open("x", O_CREAT | O_WRONLY, 0600));
        RET(access("..", F_OK));
    });
    rmdir("../gone");
    pass(go);
    reap("child", child);
    return 0;
}
