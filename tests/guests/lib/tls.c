// A library with thread-local storage, a constructor and a destructor.
#include <stdio.h>
#include <unistd.h>
__thread int library_value = 100;
__thread char library_space[10000];
int library_constructed;
__attribute__((constructor)) static void begin(void) { library_constructed = 1; }
__attribute__((destructor)) static void end(void) { write(1, "library destructor\n", 19); }
int *library_tls(void) { return &library_value; }
int library_add(int n)
{
    library_space[9999]++;
    return library_value += n;
}
