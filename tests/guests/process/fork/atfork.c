// pthread_atfork: the order of its handlers, on both sides and over two generations.
// variants: static musl
#include "process.h"
static char order[100];
static void add(const char *s) { strcat(order, s); }
static void a1(void) { add("a1 "); }
static void a2(void) { add("a2 "); }
static void a3(void) { add("a3 "); }
static void b1(void) { add("b1 "); }
static void b2(void) { add("b2 "); }
static void b3(void) { add("b3 "); }
int main(void)
{
    ERR(pthread_atfork(a1, a2, a3));
    ERR(pthread_atfork(b1, b2, b3));
    reap("child", CHILD({
        say("child: %s", order);
        reap("grandchild", CHILD(say("grandchild: %s", order)));
    }));
    say("parent: %s", order);
    return 0;
}
