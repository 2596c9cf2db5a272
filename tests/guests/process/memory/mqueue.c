// POSIX message queues between processes: priorities, blocking, notification, attributes.
// optional: the VM may be without POSIX message queues
#include "process.h"
#include <mqueue.h>
static volatile int told;
static void handler(int number) { (void)number; told++; }
int main(void)
{
    static char name[80], b[100];
    unsigned priority;
    strcpy(name, unique("/"));
    struct mq_attr attr = {.mq_maxmsg = 3, .mq_msgsize = 50};
    mqd_t q = mq_open(name, O_CREAT | O_RDWR, 0600, &attr);
    if (q < 0) {
        say("absent");
        return 0;
    }
    reap("sender", CHILD(mq_send(q, "low", 4, 1); mq_send(q, "high", 5, 9); mq_send(q, "low too", 8, 1)));
    for (int i = 0; i < 3; i++) {
        mq_receive(q, b, 100, &priority);
        say("%s %u", b, priority);
    }
    pid_t child = CHILD({
        mqd_t own = mq_open(name, O_RDONLY);
        mq_receive(own, b, 100, &priority);
        say("child: %s", b);
    });
    settle(child);
    mq_send(q, "wake", 5, 0);
    reap("receiver", child);
    handle(SIGUSR1, handler, 0);
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    RET(mq_notify(q, &event));
    reap("sender", CHILD(RET(mq_notify(q, &event)); mq_send(q, "note", 5, 0)));
    for (int i = 0; i < 1000 && !told; i++)
        sleep_ms(1);
    say("told %d", told);
    RET(mq_receive(q, b, 10, NULL));
    RET(mq_unlink(name));
    RET(mq_getattr(q, &attr));
    say("%ld %ld %ld", attr.mq_maxmsg, attr.mq_msgsize, attr.mq_curmsgs);
    return 0;
}
