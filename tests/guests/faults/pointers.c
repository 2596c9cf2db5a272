// Bad pointers in every pointer argument of every call on the list: results as Linux has them, never a crash.
// args: files
// args: memory
// args: time
// args: signals
// args: process
// args: poll
// args: sockets
// allow: getdents .* -> .* => getdents .* -> ENOSYS : the call that getdents64 has replaced
#include "guest.h"
#include <linux/capability.h>
#include <linux/futex.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <termios.h>

// One argument: a value, or something to point to.
struct argument {
    char kind; // v: value; i: read by the kernel; o: written; b: both; s: a string; 0: none; t: a time, null waits for ever
    long value;
    const void *content;
    int size;
};
struct call {
    const char *name;
    long number;
    struct argument argument[6];
};
#define V(x) {'v', (long)(x), 0, 0}
#define I(object) {'i', 0, &(object), sizeof(object)}
#define IP(pointer, size) {'i', 0, pointer, size}
#define O(size) {'o', 0, 0, (int)(size)}
#define B(object) {'b', 0, &(object), sizeof(object)}
#define T(object) {'t', 0, &(object), sizeof(object)}
#define S(text) {'s', 0, text, (int)sizeof(text)}
#define CALL(name, ...) {#name, SYS_##name, {__VA_ARGS__}}

static unsigned char *arena, *none, *read_only, *edge, *unmapped;

static int file, second, directory, zero, pipes[2], event, epoll, timerfd, pair[2], tty, timer, signals;
static struct iovec vector;
static struct iovec filled;
static char io[64];
static const char ones[64] = {[0 ... 63] = -1}; // flags that do not go together: no process is made
static struct timespec soon = {0, 1000}, past = {1, 0};
static struct timeval tv = {0, 1000};
static struct itimerspec its;
static struct itimerval itv;
static struct pollfd pfd;
static fd_set fds;
static sigset_t empty_set;
static struct epoll_event epoll_event = {.events = EPOLLIN};
static struct rlimit rlimit_same;
static struct flock flock_read = {.l_type = F_RDLCK};
static stack_t no_stack = {.ss_flags = SS_DISABLE};
static struct sigevent sigevent_none = {.sigev_notify = SIGEV_NONE};
static struct {
    long handler, flags, restorer, mask;
} kernel_action;
static siginfo_t info = {.si_code = SI_QUEUE};
static struct sched_param param;
static unsigned long cpus[16] = {1};
static gid_t groups[2] = {0, 0};
static uint32_t futex_word = 5;
static struct __user_cap_header_struct cap_header = {_LINUX_CAPABILITY_VERSION_3, 0};
static loff_t offset;
static socklen_t length = 64;
static int option = 1;
static struct msghdr message;
static struct sockaddr_un address;
static struct termios termios;
static int one = 1;
static struct utimbuf {
    long a, m;
} utimbuf;
static struct timeval two_tv[2];
static struct timespec two_ts[2];
static struct timezone zone;

static void prepare(void)
{
    put_file("f", "0123456789abcdef", 16);
    unlink("new"), unlink("g"), rmdir("newd");
    symlink("f", "link");
    mkdir("d", 0755);
    char drain[128];
    while (read(pipes[0], drain, sizeof drain) > 0)
        ;
    write(pipes[1], "pipe content", 12);
    uint64_t v;
    read(event, &v, 8), v = 3, write(event, &v, 8);
    while (recv(pair[0], drain, sizeof drain, MSG_DONTWAIT) > 0)
        ;
    while (recv(pair[1], drain, sizeof drain, MSG_DONTWAIT) > 0)
        ;
    send(pair[1], "socket content", 14, MSG_DONTWAIT);
    lseek(file, 0, SEEK_SET), lseek(directory, 0, SEEK_SET);
    struct epoll_event e = {.events = EPOLLIN};
    epoll_ctl(epoll, EPOLL_CTL_ADD, event, &e);
    epoll_ctl(epoll, EPOLL_CTL_DEL, pair[0], 0);
    its = (struct itimerspec){0};
}

static void run(const struct call *calls, size_t count)
{
    static const char *kinds[] = {"valid", "null", "one", "unmapped", "none", "read-only", "kernel", "direct-map", "kernel-text",
                                  "non-canonical", "end-of-user", "minus-one", "straddle", "straddle-1"};
    int first_free = dup(0);
    close(first_free);
    for (size_t c = 0; c < count; c++) {
        const struct call *call = &calls[c];
        for (int bad = 0; bad < 6; bad++) {
            if (!strchr("iobst", call->argument[bad].kind) || !call->argument[bad].kind)
                continue;
            for (size_t kind = 0; kind < COUNT(kinds); kind++) {
                long value[6];
                if (kind == 1 && call->argument[bad].kind == 't')
                    continue;
                prepare();
                for (int i = 0; i < 6; i++) {
                    const struct argument *a = &call->argument[i];
                    unsigned char *place = arena + i * 2 * PAGE;
                    value[i] = a->value;
                    if (a->kind == 'v' || !a->kind)
                        continue;
                    memset(place, 0, PAGE);
                    if (a->content)
                        memcpy(place, a->content, (size_t)a->size);
                    value[i] = (long)place;
                }
                const struct argument *a = &call->argument[bad];
                int inside = kind == 12 ? a->size / 2 : 1;
                switch (kind) {
                case 0: break;
                case 1: value[bad] = 0; break;
                case 2: value[bad] = 1; break;
                case 3: value[bad] = (long)unmapped; break;
                case 4: value[bad] = (long)none; break;
                case 5:
                    mprotect(read_only, PAGE, PROT_READ | PROT_WRITE);
                    memset(read_only, 0, PAGE);
                    if (a->content)
                        memcpy(read_only, a->content, (size_t)a->size);
                    mprotect(read_only, PAGE, PROT_READ);
                    value[bad] = (long)read_only;
                    break;
                case 6: value[bad] = (long)0xffff900000000000; break;
                case 7: value[bad] = (long)0xffffc00000200000; break;
                case 8: value[bad] = (long)0xffffffff80200000; break;
                case 9: value[bad] = (long)0x8000000000000000; break;
                case 10: value[bad] = (long)0x7ffffffff000; break;
                case 11: value[bad] = -1; break;
                default:
                    if (inside < 1)
                        inside = 1;
                    memset(edge, 'a', PAGE);
                    if (a->content)
                        memcpy(edge + PAGE - inside, a->content, (size_t)inside);
                    else
                        memset(edge + PAGE - inside, 0, (size_t)inside);
                    value[bad] = (long)(edge + PAGE - inside);
                }
                errno = 0;
                long r = syscall(call->number, value[0], value[1], value[2], value[3], value[4], value[5]);
                const char *result = r == -1 && errno ? error_name(errno) : "ok";
                say("%s %d %s -> %s", call->name, bad, kinds[kind], result);
                for (int fd = first_free; fd < first_free + 4; fd++)
                    close(fd);
            }
        }
    }
}

static void files(void)
{
    const struct call calls[] = {
        CALL(read, V(file), O(16), V(16)), CALL(write, V(file), IP(io, 16), V(16)), CALL(read, V(zero), O(64), V(64)),
        CALL(read, V(pipes[0]), O(8), V(8)), CALL(write, V(pipes[1]), IP(io, 8), V(8)), CALL(read, V(event), O(8), V(8)),
        CALL(write, V(event), IP(&(uint64_t){1}, 8), V(8)),
        CALL(pread64, V(file), O(16), V(16), V(0)), CALL(pwrite64, V(file), IP(io, 16), V(16), V(0)),
        CALL(readv, V(file), I(vector), V(1)), CALL(writev, V(file), I(filled), V(1)),
        CALL(preadv, V(file), I(vector), V(1), V(0), V(0)), CALL(pwritev, V(file), I(filled), V(1), V(0), V(0)),
        CALL(open, S("f"), V(O_RDONLY)), CALL(open, S("new"), V(O_CREAT | O_RDWR), V(0644)), CALL(openat, V(AT_FDCWD), S("f"), V(O_RDONLY)),
        CALL(creat, S("new"), V(0644)), CALL(stat, S("f"), O(sizeof(struct stat))), CALL(lstat, S("link"), O(sizeof(struct stat))),
        CALL(fstat, V(file), O(sizeof(struct stat))), CALL(newfstatat, V(AT_FDCWD), S("f"), O(sizeof(struct stat)), V(0)),
        CALL(statx, V(AT_FDCWD), S("f"), V(0), V(STATX_BASIC_STATS), O(sizeof(struct statx))),
        CALL(access, S("f"), V(R_OK)), CALL(faccessat, V(AT_FDCWD), S("f"), V(R_OK)), CALL(pipe, O(8)), CALL(pipe2, O(8), V(O_NONBLOCK)),
        CALL(ioctl, V(pipes[0]), V(FIONREAD), O(4)), CALL(ioctl, V(file), V(FIONBIO), I(one)), CALL(ioctl, V(file), V(TCGETS), O(60)),
        CALL(fcntl, V(file), V(F_GETLK), B(flock_read)), CALL(fcntl, V(file), V(F_SETLK), I(flock_read)),
        CALL(fcntl, V(file), V(F_OFD_GETLK), B(flock_read)),
        CALL(getcwd, O(200), V(200)), CALL(chdir, S(".")), CALL(rename, S("f"), S("g")), CALL(renameat, V(AT_FDCWD), S("f"), V(AT_FDCWD), S("g")),
        CALL(renameat2, V(AT_FDCWD), S("f"), V(AT_FDCWD), S("g"), V(0)), CALL(mkdir, S("newd"), V(0755)), CALL(mkdirat, V(AT_FDCWD), S("newd"), V(0755)),
        CALL(rmdir, S("d")), CALL(link, S("f"), S("g")), CALL(linkat, V(AT_FDCWD), S("f"), V(AT_FDCWD), S("g"), V(0)), CALL(unlink, S("f")),
        CALL(unlinkat, V(AT_FDCWD), S("f"), V(0)), CALL(symlink, S("target"), S("new")), CALL(symlinkat, S("target"), V(AT_FDCWD), S("new")),
        CALL(readlink, S("link"), O(16), V(16)), CALL(readlinkat, V(AT_FDCWD), S("link"), O(16), V(16)), CALL(chmod, S("f"), V(0644)),
        CALL(fchmodat, V(AT_FDCWD), S("f"), V(0644)), CALL(chown, S("f"), V(-1), V(-1)), CALL(lchown, S("f"), V(-1), V(-1)),
        CALL(fchownat, V(AT_FDCWD), S("f"), V(-1), V(-1), V(0)), CALL(truncate, S("f"), V(5)), CALL(mknod, S("new"), V(S_IFIFO | 0600), V(0)),
        CALL(mknodat, V(AT_FDCWD), S("new"), V(S_IFREG | 0600), V(0)), CALL(utime, S("f"), I(utimbuf)), CALL(utimes, S("f"), I(two_tv)),
        CALL(utimensat, V(AT_FDCWD), S("f"), I(two_ts), V(0)), CALL(futimesat, V(AT_FDCWD), S("f"), I(two_tv)),
        CALL(statfs, S("f"), O(sizeof(struct statfs))), CALL(fstatfs, V(pipes[0]), O(sizeof(struct statfs))),
        CALL(getdents64, V(directory), O(1000), V(1000)), CALL(getdents, V(directory), O(1000), V(1000)),
        CALL(sendfile, V(pipes[1]), V(file), B(offset), V(4)), CALL(copy_file_range, V(file), B(offset), V(second), V(0), V(1), V(0)),
        CALL(getxattr, S("f"), S("security.capability"), O(64), V(64)), CALL(fgetxattr, V(file), S("security.capability"), O(64), V(64)),
        CALL(listxattr, S("f"), O(200), V(0)), CALL(memfd_create, S("name"), V(0)), CALL(ioctl, V(tty), V(TCGETS), O(36)),
        CALL(ioctl, V(tty), V(TCSETS), IP(&termios, 36)), CALL(ioctl, V(tty), V(TIOCGWINSZ), O(8)), CALL(ioctl, V(tty), V(TIOCGPTN), O(4)),
        CALL(ioctl, V(tty), V(TIOCSPTLCK), I(one)), CALL(faccessat2, V(AT_FDCWD), S("f"), V(R_OK), V(0)),
    };
    run(calls, COUNT(calls));
}
static void memory(void)
{
    unsigned char *p = mmap(0, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const struct call calls[] = {
        CALL(mincore, V(p), V(4 * PAGE), O(4)), CALL(getrandom, O(100), V(100), V(0)), CALL(getrandom, O(100000 / 100), V(1000), V(0)),
        CALL(mprotect, O(PAGE), V(0), V(PROT_READ)), CALL(madvise, O(PAGE), V(0), V(MADV_NORMAL)), CALL(msync, O(PAGE), V(0), V(MS_SYNC)),
        CALL(munmap, O(PAGE), V(0)), CALL(mremap, O(PAGE), V(PAGE), V(PAGE), V(0), V(0)), CALL(mlock, O(PAGE), V(0)),
        CALL(mmap, O(PAGE), V(0), V(PROT_READ), V(MAP_PRIVATE | MAP_ANONYMOUS), V(-1), V(0)),
        CALL(get_robust_list, V(0), O(8), O(8)), CALL(set_robust_list, V(0), V(1)),
    };
    run(calls, COUNT(calls));
}
static void times_(void)
{
    const struct call calls[] = {
        CALL(nanosleep, I(soon), O(16)), CALL(clock_nanosleep, V(CLOCK_MONOTONIC), V(0), I(soon), O(16)),
        CALL(clock_nanosleep, V(CLOCK_MONOTONIC), V(TIMER_ABSTIME), I(past), O(16)), CALL(clock_gettime, V(CLOCK_MONOTONIC), O(16)),
        CALL(clock_gettime, V(CLOCK_REALTIME), O(16)), CALL(clock_getres, V(CLOCK_MONOTONIC), O(16)), CALL(gettimeofday, O(16), O(8)),
        CALL(time, O(8)), CALL(times, O(sizeof(struct tms))), CALL(getitimer, V(ITIMER_REAL), O(32)), CALL(setitimer, V(ITIMER_REAL), I(itv), O(32)),
        CALL(timer_create, V(CLOCK_MONOTONIC), I(sigevent_none), O(4)), CALL(timer_settime, V(timer), V(0), I(its), O(32)),
        CALL(timer_gettime, V(timer), O(32)), CALL(timerfd_settime, V(timerfd), V(0), I(its), O(32)), CALL(timerfd_gettime, V(timerfd), O(32)),
    };
    run(calls, COUNT(calls));
}
static void signals_(void)
{
    const struct call calls[] = {
        CALL(rt_sigaction, V(SIGUSR2), I(kernel_action), O(32), V(8)), CALL(rt_sigprocmask, V(SIG_BLOCK), I(empty_set), O(8), V(8)),
        CALL(rt_sigpending, O(8), V(8)), CALL(rt_sigtimedwait, IP(&empty_set, 8), O(128), T(soon), V(8)),
        CALL(rt_sigqueueinfo, V(getpid()), V(SIGCHLD), I(info)), CALL(rt_tgsigqueueinfo, V(getpid()), V(getpid()), V(SIGCHLD), I(info)),
        CALL(sigaltstack, I(no_stack), O(24)), CALL(signalfd4, V(-1), IP(&empty_set, 8), V(8), V(0)),
        CALL(read, V(signals), O(128), V(128)),
    };
    run(calls, COUNT(calls));
}
static void process(void)
{
    syscall(SYS_setgroups, 2, groups);
    const struct call calls[] = {
        CALL(uname, O(sizeof(struct utsname))), CALL(sysinfo, O(sizeof(struct sysinfo))), CALL(getrusage, V(RUSAGE_SELF), O(sizeof(struct rusage))),
        CALL(getrlimit, V(RLIMIT_NOFILE), O(16)), CALL(setrlimit, V(RLIMIT_NOFILE), I(rlimit_same)),
        CALL(prlimit64, V(0), V(RLIMIT_NOFILE), I(rlimit_same), O(16)), CALL(getgroups, V(2), O(8)), CALL(setgroups, V(2), I(groups)),
        CALL(getresuid, O(4), O(4), O(4)), CALL(getresgid, O(4), O(4), O(4)), CALL(sched_getparam, V(0), O(4)),
        CALL(sched_setscheduler, V(0), V(0), I(param)), CALL(sched_getaffinity, V(0), V(128), O(128)),
        CALL(sched_setaffinity, V(0), V(128), I(cpus)), CALL(prctl, V(PR_SET_NAME), S("name")), CALL(prctl, V(PR_GET_NAME), O(16)),
        CALL(prctl, V(PR_GET_PDEATHSIG), O(4)), CALL(arch_prctl, V(0x1003), O(8)), CALL(getcpu, O(4), O(4), V(0)),
        CALL(futex, I(futex_word), V(FUTEX_WAKE), V(1)), CALL(futex, I(futex_word), V(FUTEX_WAKE | FUTEX_PRIVATE_FLAG), V(1)),
        CALL(futex, I(futex_word), V(FUTEX_WAIT | FUTEX_PRIVATE_FLAG), V(6), I(soon)),
        CALL(futex, I(futex_word), V(FUTEX_WAIT), V(5), T(soon)),
        CALL(futex, I(futex_word), V(FUTEX_CMP_REQUEUE | FUTEX_PRIVATE_FLAG), V(1), V(1), I(futex_word), V(5)),
        CALL(futex, I(futex_word), V(FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG), V(1), V(1), B(futex_word), V(0)),
        CALL(capget, B(cap_header), O(24)), CALL(sched_rr_get_interval, V(0), O(16)), CALL(wait4, V(-1), O(4), V(1), O(144)),
        CALL(waitid, V(0), V(0), O(128), V(5), O(144)), CALL(clone3, IP(ones, 64), V(64)),
    };
    run(calls, COUNT(calls));
}
static void polling(void)
{
    const struct call calls[] = {
        CALL(poll, B(pfd), V(1), V(0)), CALL(ppoll, B(pfd), V(1), I(soon), IP(&empty_set, 8), V(8)),
        CALL(select, V(16), B(fds), B(fds), B(fds), I(tv)), CALL(pselect6, V(16), B(fds), B(fds), B(fds), I(soon), V(0)),
        CALL(epoll_ctl, V(epoll), V(EPOLL_CTL_ADD), V(pair[0]), I(epoll_event)), CALL(epoll_ctl, V(epoll), V(EPOLL_CTL_DEL), V(event), I(epoll_event)),
        CALL(epoll_wait, V(epoll), O(12), V(1), V(0)), CALL(epoll_pwait, V(epoll), O(12), V(1), V(0), IP(&empty_set, 8), V(8)),
        CALL(epoll_pwait2, V(epoll), O(12), V(1), I(soon), IP(&empty_set, 8), V(8)),
    };
    run(calls, COUNT(calls));
}
static void sockets(void)
{
    const struct call calls[] = {
        CALL(socketpair, V(AF_UNIX), V(SOCK_STREAM), V(0), O(8)), CALL(sendto, V(pair[0]), IP(io, 8), V(8), V(MSG_DONTWAIT), V(0), V(0)),
        CALL(recvfrom, V(pair[0]), O(8), V(8), V(MSG_DONTWAIT), O(110), B(length)), CALL(sendmsg, V(pair[0]), I(message), V(MSG_DONTWAIT)),
        CALL(recvmsg, V(pair[0]), B(message), V(MSG_DONTWAIT)), CALL(getsockname, V(pair[0]), O(64), B(length)),
        CALL(getpeername, V(pair[0]), O(64), B(length)), CALL(getsockopt, V(pair[0]), V(SOL_SOCKET), V(SO_TYPE), O(4), B(length)),
        CALL(setsockopt, V(pair[0]), V(SOL_SOCKET), V(SO_PASSCRED), I(option), V(4)), CALL(read, V(pair[0]), O(8), V(8)),
        CALL(write, V(pair[0]), IP(io, 8), V(8)),
    };
    run(calls, COUNT(calls));
}
int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "files";
    arena = mmap(0, 12 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    none = mmap(0, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    read_only = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    edge = mmap(0, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    // The hole behind the edge page stays a hole: its neighbours hold the place, no call here maps without a place given.
    unmapped = mmap(0, 3 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    signal(SIGPIPE, SIG_IGN), signal(SIGCHLD, SIG_IGN);
    put_file("f", "0123456789abcdef", 16);
    mkdir("d", 0755);
    file = open("f", O_RDWR), second = open("second", O_RDWR | O_CREAT, 0644), directory = open(".", O_RDONLY), zero = open("/dev/zero", O_RDONLY);
    pipe2(pipes, O_NONBLOCK);
    event = eventfd(3, EFD_NONBLOCK), epoll = epoll_create1(0), timerfd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair);
    signals = signalfd(-1, &empty_set, SFD_NONBLOCK);
    tty = posix_openpt(O_RDWR | O_NOCTTY);
    tcgetattr(tty, &termios);
    timer_t t;
    timer_create(CLOCK_MONOTONIC, &sigevent_none, &t);
    timer = (int)(long)t;
    getrlimit(RLIMIT_NOFILE, &rlimit_same);
    vector = (struct iovec){io, 16}, filled = vector;
    pfd = (struct pollfd){event, POLLIN, 0};
    FD_SET(event, &fds);
    message = (struct msghdr){.msg_iov = &filled, .msg_iovlen = 1};
    (void)address, (void)two_ts, (void)zone;
    munmap(edge + PAGE, PAGE);
    munmap(unmapped + PAGE, PAGE), unmapped += PAGE;
    if (!strcmp(what, "files"))
        files();
    if (!strcmp(what, "memory"))
        memory();
    if (!strcmp(what, "time"))
        times_();
    if (!strcmp(what, "signals"))
        signals_();
    if (!strcmp(what, "process"))
        process();
    if (!strcmp(what, "poll"))
        polling();
    if (!strcmp(what, "sockets"))
        sockets();
    return 0;
}
