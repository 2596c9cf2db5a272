//! How many arguments a call takes, for tracing.

/// Number of arguments of the call with that name; 6 when in doubt would show noise, so that it is 3.
pub fn argument_count(name: &str) -> usize {
    match name {
        "getpid" | "gettid" | "getppid" | "getuid" | "geteuid" | "getgid" | "getegid" | "sched_yield"
        | "pause" | "sync" | "rt_sigreturn" | "fork" | "vfork" | "getpgrp" | "setsid" | "inotify_init"
        | "munlockall" => 0,
        "close" | "dup" | "brk" | "exit" | "exit_group" | "chdir" | "fchdir" | "umask" | "alarm" | "pipe"
        | "unlink" | "rmdir" | "setuid" | "setgid" | "uname" | "sysinfo" | "time" | "times" | "fsync"
        | "fdatasync" | "epoll_create" | "epoll_create1" | "eventfd" | "set_tid_address" | "mlockall"
        | "getsid" | "getpgid" | "timer_delete" | "timer_getoverrun" | "chroot" | "syncfs" => 1,
        "munmap" | "stat" | "fstat" | "lstat" | "access" | "nanosleep" | "dup2" | "rename" | "mkdir"
        | "link" | "symlink" | "chmod" | "fchmod" | "gettimeofday" | "getrlimit" | "setrlimit"
        | "getrusage" | "truncate" | "ftruncate" | "clock_gettime" | "clock_getres" | "kill"
        | "sigaltstack" | "pipe2" | "eventfd2" | "getcwd" | "arch_prctl" | "set_robust_list"
        | "memfd_create" | "timerfd_create" | "timerfd_gettime" | "statfs" | "fstatfs" | "creat"
        | "flock" | "shutdown" | "listen" | "setreuid" | "setregid" | "getgroups" | "setgroups"
        | "rt_sigpending" | "rt_sigsuspend" | "setpgid" | "mlock" | "munlock" | "utime" | "utimes"
        | "clone3" | "getitimer" | "timer_gettime" | "setpriority" | "getpriority" => 2,
        "openat" | "newfstatat" | "rt_sigaction" | "rt_sigprocmask" | "pread64" | "pwrite64" | "wait4"
        | "fchmodat" | "clock_nanosleep" | "epoll_ctl" | "epoll_wait" | "prlimit64" | "readlinkat"
        | "socketpair" | "sendfile" | "timerfd_settime" | "timer_settime" | "faccessat2" | "renameat"
        | "utimensat" | "sync_file_range" | "fallocate" | "rt_sigtimedwait" | "openat2" | "fgetxattr"
        | "getxattr" | "lgetxattr" => 4,
        "statx" | "prctl" | "mremap" | "select" | "linkat" | "fchownat" | "renameat2" | "clone" | "ppoll"
        | "waitid" | "execveat" | "setxattr" | "name_to_handle_at" | "getsockopt" | "setsockopt" => 5,
        "mmap" | "futex" | "pselect6" | "sendto" | "recvfrom" | "copy_file_range" | "splice"
        | "epoll_pwait" | "epoll_pwait2" | "process_vm_readv" | "process_vm_writev" => 6,
        _ => 3,
    }
}
