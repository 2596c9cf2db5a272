// Each kind of shared memory and what lies in it, with three holders: who made it, a child of that one, and a sibling that knows it by its
// name or has inherited it. One is killed in the middle of holding it; the others go on.
// args: anonymous creator
// args: anonymous holder
// args: anonymous sibling
// args: file creator
// args: file holder
// args: file sibling
// args: shm creator
// args: shm holder
// args: shm sibling
// args: memfd creator
// args: memfd holder
// args: memfd sibling
// args: sysv creator
// args: sysv holder
// args: sysv sibling
#include "process.h"
#include <sys/ipc.h>
#include <sys/shm.h>
#define SIZE (3 * PAGE)
static const char *kind;
static char name[80];
static int id = -1, fd = -1;
static bool is(const char *what) { return !strcmp(kind, what); }
typedef struct { pthread_mutex_t lock; int value, dead; char text[PAGE]; } block;
static block *attach(void)
{
    if (is("sysv"))
        return shmat(id, NULL, 0);
    if (is("anonymous"))
        return shared_page(SIZE);
    if (is("shm"))
        fd = shm_open(name, O_RDWR, 0600);
    else if (is("file"))
        fd = open("file", O_RDWR);
    return mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}
static void make(void)
{
    if (is("sysv"))
        id = shmget(IPC_PRIVATE, SIZE, IPC_CREAT | 0600);
    else if (is("shm"))
        ftruncate(shm_open(name, O_CREAT | O_RDWR, 0600), SIZE);
    else if (is("file"))
        ftruncate(open("file", O_CREAT | O_RDWR, 0600), SIZE);
    else if (is("memfd"))
        ftruncate(fd = memfd_create("m", 0), SIZE);
}
static void enter(block *b)
{
    if (pthread_mutex_lock(&b->lock) == EOWNERDEAD)
        b->dead++, pthread_mutex_consistent(&b->lock);
}
static void use(block *b, const char *who, gate turn, gate done)
{
    for (;;) {
        await(turn);
        enter(b);
        bool keeps = b->value == 3;
        say("%s finds %d, %s, %d dead", who, b->value, b->text, b->dead);
        b->value++, strcpy(b->text, who);
        if (!keeps)
            pthread_mutex_unlock(&b->lock);
        pass(done);
    }
}
int main(int argc, char **argv)
{
    static const char *const names[] = {"creator", "holder", "sibling"};
    (void)argc;
    kind = argv[1];
    under_reaper();
    snprintf(name, sizeof name, "%s", unique("/"));
    gate turn[3], done = new_gate(), made = new_gate();
    pid_t *pids = shared_page(PAGE);
    for (int i = 0; i < 3; i++)
        turn[i] = new_gate();
    block *b = NULL;
    bool inherited = is("anonymous") || is("memfd");
    if (inherited || is("sysv"))
        make(), b = attach();
    pids[0] = CHILD({
        if (!b)
            make(), b = attach();
        pthread_mutexattr_t a;
        pthread_mutexattr_init(&a), pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED), pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
        pthread_mutex_init(&b->lock, &a);
        strcpy(b->text, "nobody");
        pids[1] = CHILD(use(b, names[1], turn[1], done));
        pass(made);
        use(b, names[0], turn[0], done);
    });
    await(made);
    if (is("sysv"))
        shmdt(b);
    pids[2] = CHILD({
        if (!inherited)
            b = attach();
        use(b, names[2], turn[2], done);
    });
    for (int i = 0; i < 3; i++)
        pass(turn[i]), await(done);
    int victim = !strcmp(argv[2], "creator") ? 0 : !strcmp(argv[2], "holder") ? 1 : 2;
    // It dies with the lock.
    pass(turn[victim]), await(done);
    kill(pids[victim], SIGKILL);
    if (victim != 1)
        reap(names[victim], pids[victim]);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 3; i++)
            if (i != victim)
                pass(turn[i]), await(done);
    for (int i = 0; i < 3; i++)
        if (i != victim)
            kill(pids[i], SIGKILL);
    if (is("shm"))
        shm_unlink(name);
    if (is("sysv"))
        RET(shmctl(id, IPC_RMID, NULL));
    return 0;
}
