//! Ramet's virtual machine monitor: one process, one VM.
//!
//! Stages, each of which uses only those before it: [`message`], [`hostfs`], [`session`], [`vm`] (the parts), [`boot`], [`run`], [`clone`], [`io`];
//! [`life`] puts them together.

pub mod boot;
pub mod clone;
pub mod doctor;
pub mod hostfs;
pub mod io;
pub mod life;
pub mod message;
pub mod run;
pub mod session;
pub mod vm;

/// Writes one line to standard error. Neither a stream that is gone nor one that nobody reads is worth waiting or dying
/// for: then the line is dropped.
pub fn complain(message: &str) {
    use std::io::Write;
    let mut stderr = libc::pollfd { fd: 2, events: libc::POLLOUT, revents: 0 };
    // SAFETY: one pollfd of this frame, no waiting.
    if unsafe { libc::poll(&mut stderr, 1, 0) } != 1 || stderr.revents & libc::POLLOUT == 0 {
        return;
    }
    // A pipe that is writable takes this much at once (PIPE_BUF).
    let mut line: String = message.chars().take(1000).collect();
    line.insert_str(0, "ramet: ");
    line.push('\n');
    let _ = std::io::stderr().write_all(line.as_bytes());
}
