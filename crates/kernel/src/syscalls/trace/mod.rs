//! `--strace`: one line a call into the trace ring, as strace(1) shows it.

mod process;

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
            Kind::Text => text(line, value, 64),
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

/// A string of the program's, at most so many bytes of it.
fn text(line: &mut String, at: usize, most: usize) {
    match crate::arch::user::read_string(at, 4096) {
        Ok(text) => {
            line.push('"');
            for byte in text.iter().take(most) {
                let _ = write!(line, "{}", byte.escape_ascii());
            }
            line.push_str(if text.len() > most { "\"..." } else { "\"" });
        }
        Err(_) => process::pointer(line, at),
    }
}

/// What the lines of the running thread begin with.
fn prefix(line: &mut String) -> i32 {
    let tid = sched::with_current(|thread| thread.tid.get());
    let _ = write!(line, "[pid {tid:5}] ");
    tid
}

/// A process has ended: its wait status.
pub fn ended(pid: i32, status: u32) {
    let mut line = String::new();
    let _ = write!(line, "[pid {pid:5}] +++ ");
    match status & 0x7f {
        0 => {
            let _ = write!(line, "exited with {}", status >> 8 & 0xff);
        }
        number => {
            line.push_str("killed by ");
            process::signal(&mut line, number.into());
        }
    }
    line.push_str(" +++\n");
    put(&line);
}

/// Serves the call and shows it.
pub fn call(number: u32, handler: Handler, call: &mut Call<'_>) -> Result<i64> {
    let name = count::name_of(number);
    let mut line = String::new();
    let tid = prefix(&mut line);
    let _ = write!(line, "{name}(");
    if name != "wait4" && !process::arguments(&mut line, name, call) {
        arguments(&mut line, name, call);
    }
    if matches!(name, "exit" | "exit_group") {
        line.push_str(") = ?\n");
        put(&line);
        return handler(call);
    }
    let result = handler(call);
    // What has become another process is not shown to return, and what has moved is shown by the VM that it has moved to.
    let goes_on = sched::with_current(|thread| {
        // A thread that executes a program takes the id of its process.
        !thread.process.family.has_moved.get() && (thread.tid.get() == tid || name.starts_with("exec"))
    });
    if !goes_on {
        return result;
    }
    if name == "wait4" {
        process::wait4(&mut line, call, result.is_ok_and(|pid| pid > 0));
    }
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
    prefix(&mut line);
    let _ = write!(line, "{name}_{number}(");
    arguments(&mut line, name, call);
    line.push_str(") = -1 ENOSYS (not served)\n");
    put(&line);
}
