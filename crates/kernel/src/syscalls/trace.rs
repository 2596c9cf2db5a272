//! `--strace`: one line a call into the trace ring.

use super::{Call, Handler, count};
use crate::arch::hypercall;
use crate::fs::ring::HostRing;
use crate::global::Global;
use crate::task::sched;
use alloc::string::String;
use core::cell::Cell;
use core::fmt::Write;
use core::sync::atomic::Ordering::Relaxed;
use ramet_kcore::errno::Result;

static ON: Global<Cell<bool>> = Global::new(Cell::new(false));
static RING: Global<HostRing> = Global::new(HostRing::new(ramet_abi::ring::TRACE));

/// Starts tracing.
pub fn turn_on() {
    ON.set(true);
    crate::arch::site::trace_every_call();
}

/// Whether calls are traced.
#[inline(always)]
pub fn is_on() -> bool {
    ON.get()
}

fn put(line: &str) {
    // A full ring: the host is behind. Tracing must not change what the program does, so that the line is lost rather than
    // the thread blocked for ever; the ring holds about a thousand lines.
    RING.push(line.as_bytes());
}

/// How an argument is shown.
#[derive(Clone, Copy)]
enum Kind {
    Number,
    Text,
}

/// Calls whose arguments include a path or a name, by position.
fn kind(name: &str, position: usize) -> Kind {
    let first = matches!(
        name,
        "open"
            | "stat"
            | "lstat"
            | "access"
            | "chdir"
            | "mkdir"
            | "rmdir"
            | "unlink"
            | "rename"
            | "link"
            | "symlink"
            | "readlink"
            | "chmod"
            | "chown"
            | "truncate"
            | "creat"
            | "statfs"
            | "execve"
            | "chroot"
            | "mknod"
            | "memfd_create"
            | "utime"
            | "utimes"
            | "lchown"
    );
    let second = matches!(
        name,
        "openat"
            | "newfstatat"
            | "statx"
            | "unlinkat"
            | "mkdirat"
            | "readlinkat"
            | "faccessat"
            | "faccessat2"
            | "fchmodat"
            | "fchownat"
            | "utimensat"
            | "renameat"
            | "renameat2"
            | "linkat"
            | "openat2"
            | "mknodat"
            | "execveat"
            | "rename"
            | "link"
            | "symlink"
    );
    if position == 0 && first || position == 1 && second { Kind::Text } else { Kind::Number }
}

fn arguments(line: &mut String, name: &str, call: &Call<'_>) {
    for position in 0..super::signature::argument_count(name) {
        if position != 0 {
            line.push_str(", ");
        }
        let value = call.arg(position);
        match kind(name, position) {
            Kind::Text => match crate::arch::user::read_string(value, 4096) {
                Ok(text) => {
                    line.push('"');
                    for byte in text.iter().take(64) {
                        let _ = write!(line, "{}", byte.escape_ascii());
                    }
                    line.push_str(if text.len() > 64 { "\"..." } else { "\"" });
                }
                Err(_) => {
                    let _ = write!(line, "{value:#x}");
                }
            },
            Kind::Number => {
                let signed = value as i64;
                let _ = if (-4096..65536).contains(&signed) {
                    write!(line, "{signed}")
                } else if value >> 32 == 0 && (value as i32) < 0 && (value as i32) > -4096 {
                    write!(line, "{}", value as i32)
                } else {
                    write!(line, "{value:#x}")
                };
            }
        }
    }
}

/// Serves the call and shows it.
pub fn call(number: u32, handler: Handler, call: &mut Call<'_>) -> Result<i64> {
    let name = count::name_of(number);
    let mut line = String::new();
    let _ = write!(line, "[{}] {name}(", sched::with_current(|thread| thread.tid.get()));
    arguments(&mut line, name, call);
    if matches!(name, "exit" | "exit_group") {
        line.push_str(") = ?\n");
        put(&line);
        return handler(call);
    }
    let result = handler(call);
    let _ = match result {
        Ok(value) if (-4096..65536).contains(&value) => writeln!(line, ") = {value}"),
        Ok(value) => writeln!(line, ") = {value:#x}"),
        Err(error) => writeln!(line, ") = -1 {error:?}"),
    };
    put(&line);
    result
}

/// At the end: how many sites were patched, and what the program asked for in vain.
pub fn summary() {
    let (patched, traps) = crate::arch::site::statistics();
    let mut line = String::new();
    let _ = writeln!(line, "+++ {patched} sites patched, {traps} system calls trapped");
    for (number, times) in count::unknown() {
        let _ = writeln!(line, "+++ {}: not served, asked for {times} times", count::name_of(number));
    }
    let beyond = hypercall::counters().beyond.load(Relaxed);
    if beyond != 0 {
        let _ = writeln!(line, "+++ numbers that are not assigned: asked for {beyond} times");
    }
    put(&line);
}

/// Shows a call that nobody serves.
pub fn unknown(number: u32, call: &Call<'_>) {
    let mut line = String::new();
    let name = count::name_of(number);
    let _ = write!(line, "[{}] {name}_{number}(", sched::with_current(|thread| thread.tid.get()));
    arguments(&mut line, name, call);
    line.push_str(") = -1 ENOSYS (not served)\n");
    put(&line);
}
