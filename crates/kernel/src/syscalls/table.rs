//! Which function serves which system call. `scripts/syscall_table.py` makes the documentation's table from this file.

use super::names::{COUNT, NAMES};
use super::{
    Handler, capabilities, file, getrandom, ids, io, ipc, limits, memory, prctl, process, scheduling,
    signals, thread, time, timers, users, vectors, wait,
};
use crate::global::Global;
use crate::task::{exit, futex, signal};
use core::cell::Cell;

macro_rules! table {
    ($($name:ident => $handler:path,)*) => {{
        let mut table: [Option<Handler>; COUNT] = [None; COUNT];
        $(table[number_of(stringify!($name))] = Some($handler);)*
        table
    }};
}

const fn number_of(name: &str) -> usize {
    let wanted = name.as_bytes();
    let mut number = 0;
    while number < COUNT {
        let known = NAMES[number].as_bytes();
        if known.len() == wanted.len() {
            let mut at = 0;
            while at < known.len() && known[at] == wanted[at] {
                at += 1;
            }
            if at == known.len() {
                return number;
            }
        }
        number += 1;
    }
    panic!("no system call of that name")
}

static TABLE: [Option<Handler>; COUNT] = table! {
    accept => ipc::socket_connect::accept,
    accept4 => ipc::socket_connect::accept4,
    access => file::stat::access,
    acct => process::refused,
    alarm => timers::alarm,
    arch_prctl => thread::arch_prctl,
    bind => ipc::socket_connect::bind,
    brk => memory::brk,
    capget => capabilities::capget,
    capset => capabilities::capset,
    chdir => file::directory::chdir,
    chmod => file::attributes::chmod,
    chown => file::attributes::chown,
    chroot => file::directory::chroot,
    clock_getres => time::clock_getres,
    clock_gettime => time::clock_gettime,
    clock_nanosleep => time::clock_nanosleep,
    clock_settime => time::clock_settime,
    clone => thread::clone,
    clone3 => thread::clone3,
    close => file::open::close,
    close_range => file::open::close_range,
    connect => ipc::socket_connect::connect,
    copy_file_range => file::copy::copy_file_range,
    creat => file::open::creat,
    dup => file::descriptors::dup,
    dup2 => file::descriptors::dup2,
    dup3 => file::descriptors::dup3,
    epoll_create => ipc::epoll::epoll_create,
    epoll_create1 => ipc::epoll::epoll_create1,
    epoll_ctl => ipc::epoll::epoll_ctl,
    epoll_pwait => ipc::epoll::epoll_pwait,
    epoll_pwait2 => ipc::epoll::epoll_pwait2,
    epoll_wait => ipc::epoll::epoll_wait,
    eventfd => ipc::create::eventfd,
    eventfd2 => ipc::create::eventfd2,
    exit => exit::sys_exit,
    exit_group => exit::sys_exit_group,
    faccessat => file::stat::faccessat,
    faccessat2 => file::stat::faccessat2,
    fadvise64 => file::size::fadvise64,
    fallocate => file::size::fallocate,
    fchdir => file::directory::fchdir,
    fchmod => file::attributes::fchmod,
    fchmodat => file::attributes::fchmodat,
    fchmodat2 => file::attributes::fchmodat2,
    fchown => file::attributes::fchown,
    fchownat => file::attributes::fchownat,
    fcntl => file::control::fcntl,
    fdatasync => file::size::fsync,
    fgetxattr => file::xattr::fgetxattr,
    flistxattr => file::xattr::flistxattr,
    flock => file::locks::flock,
    fremovexattr => file::xattr::fremovexattr,
    fsetxattr => file::xattr::fsetxattr,
    fstat => file::stat::fstat,
    fstatfs => file::stat::fstatfs,
    fsync => file::size::fsync,
    ftruncate => file::size::ftruncate,
    futex => futex::sys_futex,
    futimesat => file::attributes::futimesat,
    get_robust_list => thread::get_robust_list,
    getcpu => ids::getcpu,
    getcwd => file::directory::getcwd,
    getdents64 => file::directory::getdents64,
    getegid => users::getegid,
    geteuid => users::geteuid,
    getgid => users::getgid,
    getgroups => users::getgroups,
    getitimer => timers::getitimer,
    getpeername => ipc::socket_connect::getpeername,
    getpgid => users::getpgid,
    getpgrp => users::getpgrp,
    getpid => ids::getpid,
    getppid => ids::getppid,
    getpriority => scheduling::getpriority,
    getrandom => getrandom::getrandom,
    getresgid => users::getresgid,
    getresuid => users::getresuid,
    getrlimit => limits::getrlimit,
    getrusage => limits::getrusage,
    getsid => users::getsid,
    getsockname => ipc::socket_connect::getsockname,
    getsockopt => ipc::socket_options::getsockopt,
    gettid => ids::gettid,
    gettimeofday => time::gettimeofday,
    getuid => users::getuid,
    getxattr => file::xattr::getxattr,
    ioctl => io::ioctl,
    ioperm => process::refused,
    iopl => process::refused,
    ioprio_get => scheduling::ioprio_get,
    ioprio_set => scheduling::ioprio_set,
    kexec_load => process::refused,
    kill => signals::kill,
    lchown => file::attributes::lchown,
    lgetxattr => file::xattr::lgetxattr,
    link => file::links::link,
    linkat => file::links::linkat,
    listen => ipc::socket_connect::listen,
    listxattr => file::xattr::listxattr,
    llistxattr => file::xattr::llistxattr,
    lremovexattr => file::xattr::lremovexattr,
    lseek => file::size::lseek,
    lsetxattr => file::xattr::lsetxattr,
    lstat => file::stat::lstat,
    madvise => memory::madvise,
    membarrier => scheduling::membarrier,
    memfd_create => ipc::create::memfd_create,
    mincore => memory::mincore,
    mkdir => file::directory::mkdir,
    mkdirat => file::directory::mkdirat,
    mknod => file::directory::mknod,
    mknodat => file::directory::mknodat,
    mlock => memory::mlock,
    mlock2 => memory::mlock2,
    mlockall => memory::mlockall,
    mmap => memory::mmap,
    mount => process::refused,
    mprotect => memory::mprotect,
    mremap => memory::mremap,
    msync => memory::msync,
    munlock => memory::munlock,
    munlockall => memory::munlockall,
    munmap => memory::munmap,
    nanosleep => time::nanosleep,
    newfstatat => file::stat::newfstatat,
    open => file::open::open,
    openat => file::open::openat,
    openat2 => file::open::openat2,
    pause => signals::pause,
    personality => ids::personality,
    pipe => ipc::create::pipe_,
    pipe2 => ipc::create::pipe2,
    pivot_root => process::refused,
    poll => ipc::poll::poll,
    ppoll => ipc::poll::ppoll,
    prctl => prctl::prctl,
    pread64 => io::pread64,
    preadv => vectors::preadv,
    preadv2 => vectors::preadv2,
    prlimit64 => limits::prlimit64,
    process_vm_readv => process::process_vm_readv,
    process_vm_writev => process::process_vm_writev,
    pselect6 => ipc::poll::pselect6,
    pwrite64 => io::pwrite64,
    pwritev => vectors::pwritev,
    pwritev2 => vectors::pwritev2,
    quotactl => process::refused,
    read => io::read,
    readahead => file::size::readahead,
    readlink => file::stat::readlink,
    readlinkat => file::stat::readlinkat,
    readv => vectors::readv,
    reboot => process::refused,
    recvfrom => ipc::socket_receive::recvfrom,
    recvmmsg => ipc::socket_receive::recvmmsg,
    recvmsg => ipc::socket_receive::recvmsg,
    removexattr => file::xattr::removexattr,
    rename => file::links::rename,
    renameat => file::links::renameat,
    renameat2 => file::links::renameat2,
    restart_syscall => process::restart_syscall,
    rmdir => file::directory::rmdir,
    rt_sigaction => signals::rt_sigaction,
    rt_sigpending => signals::rt_sigpending,
    rt_sigprocmask => signals::rt_sigprocmask,
    rt_sigqueueinfo => signals::rt_sigqueueinfo,
    rt_sigreturn => signal::sys_rt_sigreturn,
    rt_sigsuspend => signals::rt_sigsuspend,
    rt_sigtimedwait => signals::rt_sigtimedwait,
    rt_tgsigqueueinfo => signals::rt_tgsigqueueinfo,
    sched_get_priority_max => scheduling::sched_get_priority_max,
    sched_get_priority_min => scheduling::sched_get_priority_min,
    sched_getaffinity => ids::sched_getaffinity,
    sched_getattr => scheduling::sched_getattr,
    sched_getparam => scheduling::sched_getparam,
    sched_getscheduler => scheduling::sched_getscheduler,
    sched_rr_get_interval => scheduling::sched_rr_get_interval,
    sched_setaffinity => ids::sched_setaffinity,
    sched_setattr => scheduling::sched_setattr,
    sched_setparam => scheduling::sched_setparam,
    sched_setscheduler => scheduling::sched_setscheduler,
    sched_yield => thread::sched_yield,
    select => ipc::poll::select,
    sendfile => file::copy::sendfile,
    sendmmsg => ipc::socket_send::sendmmsg,
    sendmsg => ipc::socket_send::sendmsg,
    sendto => ipc::socket_send::sendto,
    set_robust_list => thread::set_robust_list,
    set_tid_address => thread::set_tid_address,
    setdomainname => process::refused,
    setfsgid => users::setfsgid,
    setfsuid => users::setfsuid,
    setgid => users::setgid,
    setgroups => users::setgroups,
    sethostname => users::sethostname,
    setitimer => timers::setitimer,
    setpgid => users::setpgid,
    setpriority => scheduling::setpriority,
    setregid => users::setregid,
    setresgid => users::setresgid,
    setresuid => users::setresuid,
    setreuid => users::setreuid,
    setrlimit => limits::setrlimit,
    setsid => users::setsid,
    setsockopt => ipc::socket_options::setsockopt,
    settimeofday => process::refused,
    setuid => users::setuid,
    setxattr => file::xattr::setxattr,
    shutdown => ipc::socket::shutdown,
    sigaltstack => signals::sigaltstack,
    signalfd => ipc::signalfd::signalfd,
    signalfd4 => ipc::signalfd::signalfd4,
    socket => ipc::socket::socket,
    socketpair => ipc::socket::socketpair,
    splice => ipc::splice::splice,
    stat => file::stat::stat,
    statfs => file::stat::statfs,
    statx => file::stat::statx,
    swapoff => process::refused,
    swapon => process::refused,
    symlink => file::links::symlink,
    symlinkat => file::links::symlinkat,
    sync => file::size::sync,
    syncfs => file::size::syncfs,
    sysinfo => limits::sysinfo,
    syslog => process::refused,
    tee => ipc::splice::tee,
    tgkill => signals::tgkill,
    time => time::time,
    timer_create => timers::timer_create,
    timer_delete => timers::timer_delete,
    timer_getoverrun => timers::timer_getoverrun,
    timer_gettime => timers::timer_gettime,
    timer_settime => timers::timer_settime,
    timerfd_create => ipc::timerfd::timerfd_create,
    timerfd_gettime => ipc::timerfd::timerfd_gettime,
    timerfd_settime => ipc::timerfd::timerfd_settime,
    times => limits::times,
    tkill => signals::tkill,
    truncate => file::size::truncate,
    umask => file::directory::umask,
    umount2 => process::refused,
    uname => ids::uname,
    unlink => file::directory::unlink,
    unlinkat => file::directory::unlinkat,
    utime => file::attributes::utime,
    utimensat => file::attributes::utimensat,
    utimes => file::attributes::utimes,
    vhangup => process::refused,
    vmsplice => ipc::splice::vmsplice,
    wait4 => wait::wait4,
    waitid => wait::waitid,
    write => io::write,
    writev => vectors::writev,
};

/// What serves call `number`.
#[inline(always)]
pub fn handler(number: u32) -> Option<Handler> {
    TABLE.get(number as usize).copied().flatten()
}

/// The call's name, for people.
pub fn name(number: u32) -> &'static str {
    NAMES.get(number as usize).copied().filter(|name| !name.is_empty()).unwrap_or("syscall")
}

static UNKNOWN: Global<[Cell<u32>; COUNT]> = Global::new([const { Cell::new(0) }; COUNT]);

/// Counts a call that nobody serves.
pub fn count_unknown(number: u32) {
    if let Some(count) = UNKNOWN.get(number as usize) {
        count.set(count.get().saturating_add(1));
    }
}

/// Calls that nobody served, and how often.
pub fn unknown() -> impl Iterator<Item = (u32, u32)> {
    UNKNOWN
        .iter()
        .enumerate()
        .filter(|(_, count)| count.get() != 0)
        .map(|(number, count)| (number as u32, count.get()))
}
