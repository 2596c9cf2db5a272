// timerfd across fork: one timer for both; an expiration is read by one; settings of one are seen by the other.
#include "process.h"
#include <sys/timerfd.h>
int main(void)
{
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct itimerspec spec = {{0, 0}, {0, 20000000}}, left;
    uint64_t v;
    timerfd_settime(fd, 0, &spec, NULL);
    struct pollfd p = {fd, POLLIN, 0};
    reap("child", CHILD({
        RET(poll(&p, 1, 5000));
        RET(read(fd, &v, 8));
        say("expired %lu", v);
    }));
    RET(read(fd, &v, 8));
    spec.it_value.tv_sec = 500;
    reap("child sets it", CHILD(RET(timerfd_settime(fd, 0, &spec, NULL))));
    timerfd_gettime(fd, &left);
    YES(left.it_value.tv_sec > 400 && left.it_value.tv_sec <= 500);
    spec = (struct itimerspec){{0, 0}, {0, 1}};
    gate go = new_gate();
    pid_t child = CHILD({
        fcntl(fd, F_SETFL, 0);
        pass(go);
        RET(read(fd, &v, 8));
    });
    await(go);
    settle(child);
    timerfd_settime(fd, 0, &spec, NULL);
    reap("waiting child", child);
    return 0;
}
