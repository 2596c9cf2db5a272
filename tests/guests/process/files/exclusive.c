// O_EXCL by twenty processes: one wins; mkdir, link and symlink likewise; the loser sees EEXIST.
#include "process.h"
int main(void)
{
    int *won = shared_page(PAGE);
    gate go = new_gate();
    pid_t child[20];
    put_file("source", "", 0);
    for (int i = 0; i < 20; i++)
        child[i] = CHILD({
            await(go);
            if (open("excl", O_CREAT | O_EXCL | O_RDWR, 0600) >= 0)
                __sync_fetch_and_add(&won[0], 1);
            else if (errno != EEXIST)
                die("open");
            if (mkdir("dir", 0700) == 0)
                __sync_fetch_and_add(&won[1], 1);
            if (link("source", "link") == 0)
                __sync_fetch_and_add(&won[2], 1);
            if (symlink("source", "symlink") == 0)
                __sync_fetch_and_add(&won[3], 1);
            if (rmdir("dir") == 0)
                __sync_fetch_and_add(&won[4], 1);
        });
    for (int i = 0; i < 20; i++)
        pass(go);
    for (int i = 0; i < 20; i++)
        status_of(child[i]);
    say("open %d, link %d, symlink %d, made as often as removed %d", won[0], won[2], won[3], won[1] == won[4]);
    return 0;
}
