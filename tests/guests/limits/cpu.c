// RLIMIT_CPU: SIGXCPU at the soft limit.
// slow
#include "guest.h"
#include <sys/resource.h>
static void handler(int number)
{
    say("%s", signal_name(number));
    _exit(3);
}
int main(void)
{
    struct rlimit l = {1, 5};
    signal(SIGXCPU, handler);
    MUST(setrlimit(RLIMIT_CPU, &l));
    int64_t end = now_ms() + 18000; // a busy machine gives a fraction of its time
    while (now_ms() < end)
        ;
    say("no signal");
    return 0;
}
