// SIGSTOP stops every thread of a process, SIGCONT lets all go on.
#include "process.h"
static volatile unsigned long *count;
static void *counter(void *index)
{
    for (;;)
        count[(long)index * 64]++;
    return NULL;
}
int main(void)
{
    count = shared_page(PAGE);
    int status;
    pid_t child = CHILD({
        pthread_t t;
        pthread_create(&t, NULL, counter, (void *)1), pthread_create(&t, NULL, counter, (void *)2);
        counter((void *)0);
    });
    while (!count[0] || !count[64] || !count[128])
        sleep_ms(1);
    kill(child, SIGSTOP);
    waitpid(child, &status, WUNTRACED);
    unsigned long a = count[0], b = count[64], c = count[128];
    sleep_ms(30);
    say("all stand still: %d", a == count[0] && b == count[64] && c == count[128]);
    kill(child, SIGCONT);
    for (int i = 0; i < 5000 && (a == count[0] || b == count[64] || c == count[128]); i++)
        sleep_ms(1);
    say("all go on: %d", a != count[0] && b != count[64] && c != count[128]);
    kill(child, SIGKILL);
    reap("child", child);
    return 0;
}
