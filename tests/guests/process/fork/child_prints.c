// A child's output comes out before its parent has waited for it, in order.
#include "process.h"
int main(void)
{
    for (int i = 0; i < 5; i++) {
        pid_t child = fork();
        if (child < 0)
            die("fork");
        if (child == 0) {
            say("child %d", i);
            _exit(i);
        }
        int status = 0;
        waitpid(child, &status, 0);
        say("parent of %d: %s", i, status_name(status));
    }
    return 0;
}
