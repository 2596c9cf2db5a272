// /proc: self and its files, cpuinfo, meminfo, mounts, uptime and the rest, as relations.
// variants: static pie
// args: one two
// env: MARK=there
#include "guest.h"
#include <dirent.h>
#include <sys/auxv.h>
static char text[100000];
static long slurp(const char *path)
{
    memset(text, 0, sizeof text);
    int fd = open(path, O_RDONLY);
    if (fd < 0) {
        say("%s: %s", path, error_name(errno));
        return -1;
    }
    long n = 0, got;
    // In small pieces: the file has to be continued rightly.
    while (n < (long)sizeof text - 1000 && (got = read(fd, text + n, 777)) > 0)
        n += got;
    close(fd);
    return n;
}
static long field(const char *name)
{
    char *p = strstr(text, name);
    return p ? atol(p + strlen(name)) : -1;
}
int main(int argc, char **argv)
{
    char path[PATH_MAX], real[PATH_MAX];
    long n = readlink("/proc/self/exe", path, sizeof path - 1);
    path[n > 0 ? n : 0] = 0;
    YES(realpath(argv[0], real) && !strcmp(path, real));
    n = readlink("/proc/self", path, sizeof path - 1);
    path[n > 0 ? n : 0] = 0;
    YES(atoi(path) == getpid());
    YES(access("/proc/thread-self/status", R_OK) == 0);
    n = slurp("/proc/self/cmdline");
    int words = 0;
    for (long i = 0; i < n; i++)
        words += !text[i];
    YES(words == argc && !strcmp(text, argv[0]) && !strcmp(text + strlen(text) + 1, "one"));
    n = slurp("/proc/self/environ");
    int found = 0;
    for (char *p = text; p < text + n; p += strlen(p) + 1)
        found += !strcmp(p, "MARK=there");
    say("environ %d", found);
    slurp("/proc/self/comm");
    say("comm %d", !strncmp(text, strrchr(argv[0], '/') + 1, 5) && strchr(text, '\n'));
    n = slurp("/proc/self/auxv");
    YES(n % 16 == 0 && n > 100 && memmem(text, (size_t)n, &(unsigned long[]){AT_PAGESZ, 4096}, 16));
    slurp("/proc/self/stat");
    int pid, ppid, threads = 0;
    char state;
    char *close_paren = strrchr(text, ')');
    YES(sscanf(text, "%d", &pid) == 1 && pid == getpid());
    YES(close_paren && sscanf(close_paren + 2, "%c %d", &state, &ppid) == 2 && state == 'R' && ppid == getppid());
    char *p = close_paren + 2;
    for (int i = 0; i < 17 && p; i++)
        p = strchr(p, ' ') + 1;
    if (p)
        sscanf(p, "%d", &threads);
    say("threads %d", threads);
    int fields = 2;
    for (p = close_paren + 1; *p; p++)
        fields += *p == ' ';
    say("stat has %d fields", fields);
    slurp("/proc/self/status");
    YES(field("\nPid:") == getpid() && field("\nTgid:") == getpid() && field("\nPPid:") == getppid());
    YES(field("\nUid:") == getuid() && field("\nGid:") == getgid() && field("\nThreads:") == 1);
    YES(field("\nVmRSS:") > 0 && field("\nVmSize:") >= field("\nVmRSS:"));
    YES(strstr(text, "\nState:\tR (running)") && strstr(text, "\nSigBlk:") && strstr(text, "\nCapEff:"));
    slurp("/proc/self/statm");
    long size, resident;
    YES(sscanf(text, "%ld %ld", &size, &resident) == 2 && size >= resident && resident > 0);
    slurp("/proc/self/limits");
    YES(strstr(text, "Max open files") && strstr(text, "Max stack size"));
    YES(slurp("/proc/self/mounts") > 0 && strstr(text, " / ") && strstr(text, " /proc proc "));
    YES(slurp("/proc/mounts") > 0 && strstr(text, " /proc proc "));
    YES(slurp("/proc/self/mountinfo") > 0 && strstr(text, " / / "));
    // Descriptors.
    put_file("f", "0123456789", 10);
    int fd = open("f", O_RDWR | O_APPEND | O_CLOEXEC);
    lseek(fd, 4, SEEK_SET);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    n = readlink(path, real, sizeof real - 1);
    real[n > 0 ? n : 0] = 0;
    char cwd[PATH_MAX];
    getcwd(cwd, sizeof cwd), strcat(cwd, "/f");
    YES(!strcmp(real, cwd));
    unlink("f");
    n = readlink(path, real, sizeof real - 1);
    real[n > 0 ? n : 0] = 0;
    strcat(cwd, " (deleted)");
    YES(!strcmp(real, cwd));
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
    slurp(path);
    say("pos %ld flags %s", field("pos:"), strstr(text, "flags:") ? strtok(strstr(text, "flags:"), "\n") : "none");
    int pipes[2];
    pipe(pipes);
    snprintf(path, sizeof path, "/proc/self/fd/%d", pipes[0]);
    n = readlink(path, real, sizeof real);
    YES(n > 6 && !strncmp(real, "pipe:[", 6));
    DIR *d = opendir("/proc/self/fd");
    struct dirent *e;
    int open_ones = 0;
    while ((e = readdir(d)))
        open_ones += e->d_name[0] != '.';
    say("%d descriptors", open_ones); // 0, 1, 2, f, two pipe ends, the directory itself
    closedir(d);
    d = opendir("/proc/self/task");
    int tasks = 0;
    while (d && (e = readdir(d)))
        tasks += e->d_name[0] != '.';
    say("%d tasks", tasks);
    // The machine.
    slurp("/proc/cpuinfo");
    int processors = 0;
    for (p = text; (p = strstr(p, "processor\t")); p++)
        processors++;
    YES(processors >= 1 && strstr(text, "flags\t") && strstr(text, " sse2 ") && strstr(text, "model name\t"));
    slurp("/proc/meminfo");
    YES(field("MemTotal:") > 1000 && field("MemFree:") > 0 && field("MemFree:") <= field("MemTotal:"));
    YES(field("MemAvailable:") > 0 && field("SwapTotal:") >= 0 && strstr(text, "Buffers:") && strstr(text, "\nCached:"));
    slurp("/proc/stat");
    YES(!strncmp(text, "cpu ", 4) && strstr(text, "\ncpu0 ") && field("btime ") > 1000000000 && strstr(text, "\nprocesses "));
    double up, idle, load[3];
    slurp("/proc/uptime");
    YES(sscanf(text, "%lf %lf", &up, &idle) == 2 && up >= 0);
    slurp("/proc/loadavg");
    YES(sscanf(text, "%lf %lf %lf", &load[0], &load[1], &load[2]) == 3);
    YES(slurp("/proc/version") > 0 && !strncmp(text, "Linux version ", 14));
    YES(slurp("/proc/filesystems") > 0 && strstr(text, "nodev\tproc\n"));
    YES(slurp("/proc/sys/kernel/ostype") > 0 && !strcmp(text, "Linux\n"));
    YES(slurp("/proc/sys/kernel/osrelease") > 0 && text[0] >= '3');
    YES(slurp("/proc/sys/kernel/hostname") > 0);
    YES(slurp("/proc/sys/kernel/pid_max") > 0 && atoi(text) > 1000);
    YES(slurp("/proc/sys/vm/overcommit_memory") > 0);
    YES(slurp("/proc/sys/kernel/random/uuid") == 37 && text[8] == '-');
    char first[40];
    strcpy(first, text);
    slurp("/proc/sys/kernel/random/uuid");
    YES(strcmp(first, text));
    YES(slurp("/proc/sys/kernel/random/boot_id") == 37);
    YES(slurp("/proc/sys/fs/file-max") > 0 || slurp("/proc/sys/kernel/threads-max") > 0);
    // What is not there, and what is not allowed.
    OK(open("/proc/none", O_RDONLY));
    OK(open("/proc/self/none", O_RDONLY));
    OK(open("/proc/99999999/stat", O_RDONLY));
    OK(open("/proc/self/stat", O_RDONLY | O_CREAT, 0644));
    OK(open("/proc/new", O_WRONLY | O_CREAT, 0644));
    RET(mkdir("/proc/new", 0755));
    RET(unlink("/proc/uptime"));
    int uptime = open("/proc/uptime", O_RDONLY);
    RET(lseek(uptime, 3, SEEK_SET));
    RET(pread(uptime, text, 1, 100000));
    struct stat st;
    stat("/proc/self/stat", &st);
    say("size %ld mode %o", (long)st.st_size, st.st_mode);
    // Memory through a file.
    static char secret[] = "in memory";
    int mem = OK(open("/proc/self/mem", O_RDWR));
    if (mem >= 0) {
        RET(pread(mem, text, 9, (off_t)(long)secret));
        say("%.9s", text);
        RET(pwrite(mem, "IN", 2, (off_t)(long)secret));
        say("%s", secret);
        RET(pread(mem, text, 9, 0));
    }
    return 0;
}
