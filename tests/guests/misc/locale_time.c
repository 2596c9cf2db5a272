// The C library's conversions that read files: time zones, users, groups.
// variants: pie musl
// env: TZ=CET-1CEST,M3.5.0,M10.5.0/3
#include "guest.h"
#include <grp.h>
#include <pwd.h>
int main(void)
{
    char b[100];
    time_t t = 1700000000;
    strftime(b, sizeof b, "%Y-%m-%d %H:%M:%S %Z", localtime(&t));
    say("%s", b);
    strftime(b, sizeof b, "%c", gmtime(&t));
    say("%s", b);
    struct passwd *p = getpwuid(0);
    say("uid 0 is %s at %s", p ? p->pw_name : "?", p ? p->pw_dir : "?");
    p = getpwnam("nobody");
    say("nobody is %d", p ? (int)p->pw_uid : -1);
    struct group *g = getgrgid(0);
    say("gid 0 is %s", g ? g->gr_name : "?");
    YES(getpwnam("no-such-user") == NULL);
    return 0;
}
