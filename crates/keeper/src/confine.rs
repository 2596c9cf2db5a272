//! The keeper as the host sees it: nothing of the host but what it was started with.
//!
//! It serves VMs that may be anybody's, so that it keeps no right that it does not use: no new privileges, no core dump, and, once its streams are
//! open, a filter that lets through the system calls below. Any other is answered with EPERM. A system call that is added to [`crate::sys`] is added
//! here: a test compares the two.

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};
use std::collections::BTreeMap;
use std::io;

/// What the keeper asks of the host's kernel while it serves.
const CALLS: &[libc::c_long] = &[
    // Sockets of channels, descriptors of streams.
    libc::SYS_recvmsg,
    libc::SYS_sendmsg,
    libc::SYS_socketpair,
    libc::SYS_setsockopt,
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_close,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait2,
    // Memory files, what is known of descriptors.
    libc::SYS_memfd_create,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_lseek,
    libc::SYS_fcntl,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    // VMs: they are named by descriptors.
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_send_signal,
    // The keeper of a copy of the session: see `crate::server::copy`. SYS_clone is in `enter`.
    libc::SYS_pipe2,
    libc::SYS_dup3,
    libc::SYS_close_range,
    libc::SYS_set_robust_list,
    // Memory, time, the end: what the C library and Rust's runtime ask for.
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_mprotect,
    libc::SYS_brk,
    libc::SYS_clock_gettime,
    libc::SYS_futex,
    libc::SYS_getrandom,
    libc::SYS_sigaltstack,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_restart_syscall,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_tgkill,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// Gives up what is not needed from here on.
///
/// # Errors
/// Those of prctl(2) and seccomp(2): a keeper that cannot be confined does not serve.
pub fn enter() -> io::Result<()> {
    crate::sys::give_up_privileges()?;
    let mut rules: BTreeMap<_, _> = CALLS.iter().map(|call| (*call, Vec::new())).collect();
    // fork(2), as the C library does it, and nothing else that clone(2) can: no thread, no namespace.
    const THREAD_IDS: u64 = (libc::CLONE_CHILD_CLEARTID | libc::CLONE_CHILD_SETTID) as u64;
    let flags = SeccompCondition::new(
        0,
        SeccompCmpArgLen::Qword,
        SeccompCmpOp::MaskedEq(!THREAD_IDS),
        libc::SIGCHLD as u64,
    );
    let fork = flags.and_then(|flags| SeccompRule::new(vec![flags])).map_err(io::Error::other)?;
    rules.insert(libc::SYS_clone, vec![fork]);
    let denied = SeccompAction::Errno(libc::EPERM as u32);
    let filter = SeccompFilter::new(rules, denied, SeccompAction::Allow, TargetArch::x86_64);
    let program: BpfProgram = filter.and_then(TryInto::try_into).map_err(io::Error::other)?;
    seccompiler::apply_filter(&program).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::CALLS;

    /// Functions of [`crate::sys`] that are used at the start only, or are no system calls.
    const ELSEWHERE: &[&str] = &[
        "fork",
        "getrlimit",
        "setrlimit",
        "makedev",
        "open",
        "posix_spawn",
        "prctl",
        "setsid",
        "sigemptyset",
        "signal",
        "syscall",
        "umask",
    ];

    #[test]
    fn the_filter_has_what_sys_uses() {
        let text = concat!(include_str!("sys.rs"), include_str!("sys/copy.rs"));
        let known: Vec<&str> = include_str!("confine.rs")
            .split("libc::SYS_")
            .skip(1)
            .map(|rest| {
                rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default()
            })
            .collect();
        assert!(known.len() >= CALLS.len());
        for rest in text.split("libc::").skip(1) {
            let name: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            let is_call =
                rest[name.len()..].starts_with('(') && name.starts_with(|c: char| c.is_ascii_lowercase());
            let called = name.strip_prefix("SYS_").or(is_call.then_some(name.as_str()));
            let Some(called) = called.filter(|called| !called.starts_with("posix_spawn")) else { continue };
            assert!(known.contains(&called) || ELSEWHERE.contains(&called), "{called} is not in the filter");
        }
    }
}
