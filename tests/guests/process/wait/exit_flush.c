// At a process's end: atexit in reverse order, stdio flushed, temporary files gone, threads ended, children left alone.
#include "process.h"
static void first(void) { say("first registered"); }
static void second(void) { say("second registered"); }
static void *idle(void *unused) { (void)unused; for (;;) pause(); return NULL; }
int main(void)
{
    under_reaper();
    pid_t *grandchild = shared_page(PAGE);
    gate go = new_gate();
    reap("child", CHILD({
        atexit(first), atexit(second);
        pthread_t t;
        pthread_create(&t, NULL, idle, NULL);
        *grandchild = CHILD(await(go); say("grandchild lives"); pass(go));
        FILE *f = fopen("f", "w");
        fprintf(f, "flushed");
        exit(3);
    }));
    char b[20] = {0};
    read(open("f", O_RDONLY), b, 19);
    say("%s", b);
    RET(kill(*grandchild, 0));
    pass(go);
    settle_in(*grandchild, 'Z');
    return 0;
}
