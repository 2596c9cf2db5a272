// A library opened at run time: symbols, its thread-local storage in old and new threads, closing.
// variants: pie nonpie
#include "guest.h"
#include <dlfcn.h>
#include <libgen.h>
static int (*add)(int);
static pthread_barrier_t barrier;
static void *old_thread(void *unused)
{
    (void)unused;
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    return (void *)(long)add(1);
}
static void *new_thread(void *unused)
{
    (void)unused;
    add(5);
    return (void *)(long)add(5);
}
int main(int argc, char **argv)
{
    (void)argc;
    pthread_t a, b;
    void *result;
    char path[PATH_MAX];
    pthread_barrier_init(&barrier, 0, 2);
    pthread_create(&a, 0, old_thread, 0);
    pthread_barrier_wait(&barrier);
    snprintf(path, sizeof path, "%s/../lib/libtls.so", dirname(strdup(argv[0])));
    void *library = dlopen(path, RTLD_NOW);
    if (!library) {
        say("TEST FAILED: %s", dlerror());
        return 99;
    }
    add = (int (*)(int))dlsym(library, "library_add");
    say("constructed %d", *(int *)dlsym(library, "library_constructed"));
    say("main adds: %d %d", add(2), add(3));
    pthread_barrier_wait(&barrier);
    pthread_join(a, &result);
    say("old thread: %ld", (long)result);
    pthread_create(&b, 0, new_thread, 0);
    pthread_join(b, &result);
    say("new thread: %ld", (long)result);
    YES(dlsym(library, "no_such_symbol") == NULL);
    YES(dlopen("/no/such/library.so", RTLD_NOW) == NULL);
    say("close %d", dlclose(library));
    say("after close");
    YES(dlopen(path, RTLD_NOW | RTLD_NOLOAD) == NULL);
    return 0;
}
