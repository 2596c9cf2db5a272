// Arguments and environment reach the program; each kind of executable starts.
// variants: static static-pie pie nonpie musl musl-pie
// args:
// args: one "" "three four"
// env: GUEST=yes
#include "guest.h"
extern char **environ;
int main(int argc, char **argv)
{
    say("argc %d", argc);
    for (int i = 1; i < argc; i++)
        say("argv[%d] \"%s\"", i, argv[i]);
    YES(argv[argc] == NULL);
    YES(argv[0][0] == '/');
    int n = 0;
    while (environ[n])
        n++;
    say("environment: %d entries, GUEST=%s HOME=%s PATH=%s", n, getenv("GUEST"), getenv("HOME"), getenv("PATH"));
    return argc > 1 ? 7 : 0;
}
