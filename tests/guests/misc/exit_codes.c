// Exit statuses: the low eight bits.
// args: 0
// args: 1
// args: 255
// args: 256
// args: -1
// args: 511 raw
// args: 77 thread
// args: 5 last
#include "guest.h"
static int status;
static void *thread(void *unused)
{
    (void)unused;
    sleep_ms(5);
    syscall(SYS_exit_group, status);
    return NULL;
}
static void *last(void *unused)
{
    (void)unused;
    sleep_ms(20);
    say("last thread");
    syscall(SYS_exit, status); // the last one's status is the process's? Linux: that of the group leader
    return NULL;
}
int main(int argc, char **argv)
{
    pthread_t t;
    const char *how = argc > 2 ? argv[2] : "";
    status = atoi(argv[1]);
    say("%d %s", status, how);
    if (!strcmp(how, "raw"))
        syscall(SYS_exit_group, status);
    if (!strcmp(how, "thread")) {
        pthread_create(&t, 0, thread, 0);
        for (;;)
            pause();
    }
    if (!strcmp(how, "last")) {
        pthread_create(&t, 0, last, 0);
        syscall(SYS_exit, 9);
    }
    return status;
}
