// SysV message queues: types, waiting on both sides, sizes, MSG_NOERROR, removal, between siblings.
// optional: the VM may be without SysV objects
#include "process.h"
#include <sys/ipc.h>
#include <sys/msg.h>
struct message { long type; char text[100]; };
int main(void)
{
    struct message m;
    int id = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
    if (id < 0 && errno == ENOSYS) {
        say("absent");
        return 0;
    }
    reap("sender", CHILD(for (long i = 1; i <= 5; i++) {
        m.type = i % 3 + 1;
        snprintf(m.text, 100, "message %ld", i);
        msgsnd(id, &m, 10, 0);
    }));
    for (int want = 2; want >= -3; want -= 5) {
        RET(msgrcv(id, &m, 100, want, IPC_NOWAIT));
        say("type %ld %s", m.type, m.text);
    }
    while (msgrcv(id, &m, 100, 0, IPC_NOWAIT) > 0)
        say("type %ld %s", m.type, m.text);
    say("%s", error_name(errno));
    pid_t child = CHILD({
        msgrcv(id, &m, 100, 9, 0);
        say("child got %s", m.text);
    });
    settle(child);
    m.type = 8, strcpy(m.text, "not for it");
    msgsnd(id, &m, 20, 0);
    m.type = 9, strcpy(m.text, "for it");
    msgsnd(id, &m, 20, 0);
    reap("child", child);
    RET(msgrcv(id, &m, 5, 0, 0));
    RET(msgrcv(id, &m, 5, 0, MSG_NOERROR));
    m.type = 0;
    RET(msgsnd(id, &m, 1, 0));
    static struct { long type; char text[8000]; } big = {1, {0}};
    int sent = 0;
    while (msgsnd(id, &big, 8000, IPC_NOWAIT) == 0)
        sent++;
    say("full after some: %d, %s", sent > 0, error_name(errno));
    child = CHILD(_exit(msgsnd(id, &big, 8000, 0) == 0 ? 1 : errno == EIDRM ? 2 : 3));
    settle(child);
    RET(msgctl(id, IPC_RMID, NULL));
    reap("sender on a removed queue", child);
    RET(msgrcv(id, &m, 5, 0, 0));
    return 0;
}
