// Clocks go on in the child as in the parent; sleeping works there.
#include "process.h"
int main(void)
{
    int64_t *t = shared_page(PAGE);
    gate go = new_gate();
    t[0] = clock_ns(CLOCK_MONOTONIC);
    pid_t child = CHILD({
        t[1] = clock_ns(CLOCK_MONOTONIC);
        t[2] = clock_ns(CLOCK_REALTIME);
        sleep_ms(20);
        t[3] = clock_ns(CLOCK_MONOTONIC);
        pass(go);
    });
    await(go);
    t[4] = clock_ns(CLOCK_MONOTONIC);
    t[5] = clock_ns(CLOCK_REALTIME);
    YES(t[0] <= t[1]);
    YES(t[3] - t[1] >= 20000000);
    YES(t[3] <= t[4]);
    YES(t[5] - t[2] >= 19000000 && t[5] - t[2] < 5000000000);
    reap("child", child);
    return 0;
}
