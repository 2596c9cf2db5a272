// Waiting for any child: each is given once; waiting for chosen ones in any order works.
#include "process.h"
int main(void)
{
    pid_t child[20];
    bool seen[20] = {0};
    for (int i = 0; i < 20; i++)
        child[i] = CHILD(_exit(i));
    int status, good = 0;
    for (int i = 19; i >= 10; i--)
        good += waitpid(child[i], &status, 0) == child[i] && WEXITSTATUS(status) == i;
    say("chosen: %d", good);
    pid_t pid;
    while ((pid = wait(&status)) > 0) {
        int i = WEXITSTATUS(status);
        good += child[i] == pid && !seen[i];
        seen[i] = true;
    }
    say("any: %d, then %s", good, error_name(errno));
    return 0;
}
