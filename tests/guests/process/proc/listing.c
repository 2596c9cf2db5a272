// The directory /proc lists the living processes of the session, and no others appear or vanish unasked.
#include "process.h"
#include <dirent.h>
#include <ctype.h>
static int count(pid_t *wanted, int n)
{
    int found = 0;
    DIR *d = opendir("/proc");
    for (struct dirent *e; (e = readdir(d));)
        for (int i = 0; i < n && isdigit((unsigned char)e->d_name[0]); i++)
            found += atoi(e->d_name) == wanted[i];
    closedir(d);
    return found;
}
int main(void)
{
    pid_t pid[10];
    gate go = new_gate();
    for (int i = 0; i < 10; i++)
        pid[i] = CHILD(await(go));
    say("living %d", count(pid, 10));
    say("self %d", count(&(pid_t){getpid()}, 1));
    for (int i = 0; i < 10; i++)
        pass(go);
    for (int i = 0; i < 10; i++)
        settle_in(pid[i], 'Z');
    say("zombies %d", count(pid, 10));
    for (int i = 0; i < 10; i++)
        status_of(pid[i]);
    say("gone %d", count(pid, 10));
    char b[20] = {0};
    readlink("/proc/self", b, 19);
    YES(atoi(b) == getpid());
    reap("child", CHILD(char t[20] = {0}; readlink("/proc/self", t, 19); YES(atoi(t) == getpid())));
    RET(access("/proc/99999", F_OK));
    return 0;
}
