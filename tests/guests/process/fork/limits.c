// Resource limits are copied and then apart; prlimit on the child from the parent.
#include "process.h"
static void show(const char *who)
{
    struct rlimit files, core, stack;
    getrlimit(RLIMIT_NOFILE, &files), getrlimit(RLIMIT_CORE, &core), getrlimit(RLIMIT_FSIZE, &stack);
    say("%s: files %lu, core %lu, file size %lu", who, files.rlim_cur, core.rlim_cur, stack.rlim_cur);
}
int main(void)
{
    struct rlimit limit = {100, 200}, old;
    RET(setrlimit(RLIMIT_NOFILE, &limit));
    limit = (struct rlimit){5000, 6000};
    RET(setrlimit(RLIMIT_FSIZE, &limit));
    gate go = new_gate(), done = new_gate();
    pid_t child = CHILD({
        show("child");
        limit = (struct rlimit){50, 150};
        RET(setrlimit(RLIMIT_NOFILE, &limit));
        pass(done);
        await(go);
        show("child");
    });
    await(done);
    show("parent");
    limit = (struct rlimit){60, 150};
    RET(prlimit(child, RLIMIT_NOFILE, &limit, &old));
    say("old limit of the child: %lu %lu", old.rlim_cur, old.rlim_max);
    pass(go);
    reap("child", child);
    RET(prlimit(child, RLIMIT_NOFILE, NULL, &old));
    return 0;
}
