// The child sees the same arguments, environment and auxiliary vector; setenv is its own matter.
// args: one two
// env: COLOUR=green
#include "process.h"
#include <sys/auxv.h>
int main(int argc, char **argv)
{
    unsigned long random = getauxval(AT_RANDOM);
    reap("child", CHILD({
        say("%d %s %s %s", argc, argv[1], argv[2], getenv("COLOUR"));
        YES(getauxval(AT_RANDOM) == random);
        setenv("COLOUR", "red", 1);
        reap("grandchild", CHILD(say("%s", getenv("COLOUR"))));
    }));
    say("%s", getenv("COLOUR"));
    return 0;
}
