//! Calls that make, replace, signal and wait for processes, as strace(1) shows them.

use super::super::Call;
use crate::arch::user;
use alloc::string::String;
use core::fmt::Write;

/// Names of the standard signals, from 1 on (signal(7), x86-64).
const SIGNALS: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE",
    "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ",
    "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

/// Flags of clone(2).
const CLONE: [(u64, &str); 23] = [
    (0x100, "CLONE_VM"),
    (0x200, "CLONE_FS"),
    (0x400, "CLONE_FILES"),
    (0x800, "CLONE_SIGHAND"),
    (0x1000, "CLONE_PIDFD"),
    (0x2000, "CLONE_PTRACE"),
    (0x4000, "CLONE_VFORK"),
    (0x8000, "CLONE_PARENT"),
    (0x1_0000, "CLONE_THREAD"),
    (0x2_0000, "CLONE_NEWNS"),
    (0x4_0000, "CLONE_SYSVSEM"),
    (0x8_0000, "CLONE_SETTLS"),
    (0x10_0000, "CLONE_PARENT_SETTID"),
    (0x20_0000, "CLONE_CHILD_CLEARTID"),
    (0x40_0000, "CLONE_DETACHED"),
    (0x80_0000, "CLONE_UNTRACED"),
    (0x100_0000, "CLONE_CHILD_SETTID"),
    (0x200_0000, "CLONE_NEWCGROUP"),
    (0x400_0000, "CLONE_NEWUTS"),
    (0x800_0000, "CLONE_NEWIPC"),
    (0x1000_0000, "CLONE_NEWUSER"),
    (0x2000_0000, "CLONE_NEWPID"),
    (0x8000_0000, "CLONE_IO"),
];

/// Options of wait4(2).
const WAIT: [(u64, &str); 6] = [
    (1, "WNOHANG"),
    (2, "WSTOPPED"),
    (8, "WCONTINUED"),
    (0x2000_0000, "__WNOTHREAD"),
    (0x4000_0000, "__WALL"),
    (0x8000_0000, "__WCLONE"),
];

pub fn signal(line: &mut String, number: u64) {
    let _ = match SIGNALS.get((number as usize).wrapping_sub(1)) {
        Some(name) => write!(line, "SIG{name}"),
        None if (32..=64).contains(&number) => write!(line, "SIGRT_{}", number - 32),
        None => write!(line, "{}", number as i32),
    };
}

/// `A|B|0x4`; what there is no name for in hexadecimal.
fn flags(line: &mut String, value: u64, names: &[(u64, &str)]) {
    let mut left = value;
    let mut first = true;
    let mut add = |line: &mut String, text: core::fmt::Arguments<'_>| {
        if !core::mem::take(&mut first) {
            line.push('|');
        }
        let _ = line.write_fmt(text);
    };
    for (bit, name) in names {
        if left & bit != 0 {
            left &= !bit;
            add(line, format_args!("{name}"));
        }
    }
    if left != 0 {
        add(line, format_args!("{left:#x}"));
    }
}

pub fn pointer(line: &mut String, value: usize) {
    let _ = if value == 0 { line.write_str("NULL") } else { write!(line, "{value:#x}") };
}

/// How many pointers there are before the null pointer, as far as they can be read.
fn count(list: usize) -> Option<usize> {
    (0..65_536).find_map(|n| match user::read_u64(list.wrapping_add(n * 8)) {
        Ok(0) => Some(Some(n)),
        Ok(_) => None,
        Err(_) => Some(None),
    })?
}

fn strings(line: &mut String, list: usize) {
    const MOST: usize = 32;
    let Some(total) = count(list) else { return pointer(line, list) };
    line.push('[');
    for n in 0..total.min(MOST) {
        if n != 0 {
            line.push_str(", ");
        }
        match user::read_u64(list.wrapping_add(n * 8)) {
            Ok(at) => super::text(line, at as usize, 32),
            Err(_) => line.push('?'),
        }
    }
    line.push_str(if total > MOST { ", ...]" } else { "]" });
}

/// Shows the arguments of such a call. False: it is none.
pub fn arguments(line: &mut String, name: &str, call: &Call<'_>) -> bool {
    match name {
        "clone" => {
            let bits = call.arg(0) as u64;
            line.push_str("child_stack=");
            pointer(line, call.arg(1));
            line.push_str(", flags=");
            flags(line, bits & !0xff, &CLONE);
            if bits & 0xff != 0 {
                if bits & !0xff != 0 {
                    line.push('|');
                }
                signal(line, bits & 0xff);
            } else if bits == 0 {
                line.push('0');
            }
            for (bit, label, position) in
                [(0x10_0000, ", parent_tid=", 2), (0x8_0000, ", tls=", 4), (0x120_0000, ", child_tidptr=", 3)]
            {
                if bits & bit != 0 {
                    line.push_str(label);
                    pointer(line, call.arg(position));
                }
            }
        }
        "execve" => {
            super::text(line, call.arg(0), 4096);
            line.push_str(", ");
            strings(line, call.arg(1));
            line.push_str(", ");
            pointer(line, call.arg(2));
            if let Some(variables) = count(call.arg(2)) {
                let s = if variables == 1 { "" } else { "s" };
                let _ = write!(line, " /* {variables} var{s} */");
            }
        }
        "kill" | "tkill" => {
            let _ = write!(line, "{}, ", call.arg(0) as i32);
            signal(line, call.arg(1) as u64);
        }
        "tgkill" => {
            let _ = write!(line, "{}, {}, ", call.arg(0) as i32, call.arg(1) as i32);
            signal(line, call.arg(2) as u64);
        }
        _ => return false,
    }
    true
}

/// The arguments of wait4(2), once it has returned.
pub fn wait4(line: &mut String, call: &Call<'_>, has_changed: bool) {
    let _ = write!(line, "{}, ", call.arg(0) as i32);
    match user::read_u32(call.arg(1)) {
        Ok(status) if has_changed => {
            line.push('[');
            wait_status(line, status);
            line.push(']');
        }
        _ => pointer(line, call.arg(1)),
    }
    line.push_str(", ");
    match call.arg(2) as u32 {
        0 => line.push('0'),
        options => flags(line, options.into(), &WAIT),
    }
    line.push_str(", ");
    pointer(line, call.arg(3));
}

fn wait_status(line: &mut String, status: u32) {
    let (signalled, code) = (u64::from(status & 0x7f), status >> 8 & 0xff);
    match (status, signalled) {
        (0xffff, _) => line.push_str("{WIFCONTINUED(s)}"),
        (_, 0) => {
            let _ = write!(line, "{{WIFEXITED(s) && WEXITSTATUS(s) == {code}}}");
        }
        (_, 0x7f) => {
            line.push_str("{WIFSTOPPED(s) && WSTOPSIG(s) == ");
            signal(line, code.into());
            line.push('}');
        }
        _ => {
            line.push_str("{WIFSIGNALED(s) && WTERMSIG(s) == ");
            signal(line, signalled);
            line.push_str(if status & 0x80 != 0 { " && WCOREDUMP(s)}" } else { "}" });
        }
    }
}
