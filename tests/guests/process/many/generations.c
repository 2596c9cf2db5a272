// Fork of fork, ten generations deep: each adds to memory it has inherited, statuses come back up.
#include "process.h"
static int level(int n)
{
    static int path[11];
    path[n] = n * n;
    if (n == 10) {
        int sum = 0;
        for (int i = 0; i <= 10; i++)
            sum += path[i];
        say("youngest: %d", sum);
        return 1;
    }
    int status = status_of(CHILD(_exit(level(n + 1))));
    path[n] = 0;
    return WEXITSTATUS(status) + 1;
}
int main(void)
{
    say("levels %d", level(0));
    return 0;
}
