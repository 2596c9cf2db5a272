// Constructors, atexit handlers and destructors run in order, buffered output is flushed.
// variants: static static-pie pie musl
#include "guest.h"
__attribute__((constructor(101))) static void first(void) { say("constructor 101"); }
__attribute__((constructor(102))) static void second(void) { say("constructor 102"); }
__attribute__((destructor(101))) static void last(void) { say("destructor 101"); }
__attribute__((destructor(102))) static void before_last(void) { say("destructor 102"); }
static void one(void) { say("atexit one"); }
static void two(void) { say("atexit two"); }
int main(void)
{
    atexit(one);
    atexit(two);
    printf("buffered ");
    fflush(stdout);
    say("main");
    printf("flushed at exit\n");
    return 300;
}
