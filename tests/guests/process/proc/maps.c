// /proc/<pid>/maps and smaps_rollup of a child show its mappings; statm its size.
#include "process.h"
int main(void)
{
    gate ready = new_gate(), go = new_gate();
    char **where = shared_page(PAGE);
    pid_t child = CHILD({
        *where = mmap(0, 100 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        pass(ready), await(go);
    });
    await(ready);
    char path[60], line[500], wanted[40];
    snprintf(wanted, sizeof wanted, "%lx-%lx r--p", (unsigned long)*where, (unsigned long)*where + 100 * PAGE);
    snprintf(path, sizeof path, "/proc/%d/maps", child);
    int found = 0, stack = 0;
    FILE *f = fopen(path, "r");
    while (fgets(line, sizeof line, f)) {
        unsigned long start, end;
        sscanf(line, "%lx-%lx", &start, &end);
        found += start <= (unsigned long)*where && end >= (unsigned long)*where + 100 * PAGE && strstr(line, " r--p ");
        stack += strstr(line, "[stack]") != NULL;
    }
    say("mapping %d, stack %d", found, stack);
    long size = 0, resident = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", child);
    f = fopen(path, "r");
    fscanf(f, "%ld %ld", &size, &resident);
    YES(size >= 100 && resident > 0 && resident < size);
    pass(go);
    reap("child", child);
    return 0;
}
