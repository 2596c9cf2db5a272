//! The smaller files of a process's directory: stat, statm, limits, io, fdinfo ...

use super::source::{Source, State, Strings};
use super::table::Id;
use super::text::{Text, put, ticks};
use crate::exec::layout::PAGE;
use crate::fs::inode::Inode;
use alloc::format;
use alloc::rc::Rc;
use alloc::vec::Vec;

/// What a file of a task holds; none: the task is gone.
pub(super) type Content = Option<Vec<u8>>;

/// The 52 fields of proc(5), for the process, or for one thread below task/.
pub(super) fn stat(source: &dyn Source, id: Id) -> Content {
    let p = source.process(id.pid)?;
    let t = source.thread(id.pid, id.thread())?;
    let memory = source.memory_use(id.pid);
    let own = id.tid.is_some();
    let (user, system) = if own { (t.user_time, t.system_time) } else { (p.user_time, p.system_time) };
    let mut text = Text::new();
    put!(text, "{} (", id.thread());
    text.bytes(&t.name);
    put!(
        text,
        ") {} {} {} {} {} {} 4194304 {} 0 {} 0 {} {} {} {} {} {} {} 0 {} ",
        t.state.letter(),
        p.parent,
        p.group,
        p.session,
        p.terminal,
        p.terminal_group,
        p.minor_faults,
        p.major_faults,
        ticks(user),
        ticks(system),
        ticks(p.children_user_time),
        ticks(p.children_system_time),
        20 + p.nice,
        p.nice,
        p.threads,
        ticks(if own { t.started } else { p.started }),
    );
    // 23 to 52.
    put!(
        text,
        "{} {} {} {} {} {} 0 0 {} {} {} {} 0 0 0 17 0 0 0 0 0 0 {} {} {} {} {} {} {} {}\n",
        memory.size,
        memory.resident() / PAGE,
        p.limits[5].0,
        p.code.0,
        p.code.1,
        p.stack_start,
        low_signals(t.pending.or(p.pending)),
        low_signals(t.blocked),
        low_signals(p.ignored),
        low_signals(p.caught),
        p.data.0,
        p.data.1,
        p.program_break,
        p.arguments.0,
        p.arguments.1,
        p.environment.0,
        p.environment.1,
        p.exit_code,
    );
    Some(text.0)
}

/// These fields show the first 31 signals only.
fn low_signals(set: crate::signal::SigSet) -> u64 {
    set.0 & 0x7fff_ffff
}

pub(super) fn statm(source: &dyn Source, id: Id) -> Content {
    source.process(id.pid)?;
    let m = source.memory_use(id.pid);
    let pages = |bytes: u64| bytes / PAGE;
    let text = format!(
        "{} {} {} {} 0 {} 0\n",
        pages(m.size),
        pages(m.resident()),
        pages(m.resident_file + m.resident_shared),
        pages(m.code),
        pages(m.data + m.stack)
    );
    Some(text.into_bytes())
}

pub(super) fn comm(source: &dyn Source, id: Id) -> Content {
    let mut name = source.thread(id.pid, id.thread())?.name;
    name.push(b'\n');
    Some(name)
}

pub(super) fn cmdline(source: &dyn Source, id: Id) -> Content {
    source.process(id.pid)?;
    Some(source.strings(id.pid, Strings::Arguments))
}

pub(super) fn environ(source: &dyn Source, id: Id) -> Content {
    if source.thread(id.pid, id.thread())?.state == State::Zombie {
        return None;
    }
    Some(source.strings(id.pid, Strings::Environment))
}

pub(super) fn auxv(source: &dyn Source, id: Id) -> Content {
    source.process(id.pid)?;
    Some(source.strings(id.pid, Strings::Auxiliary))
}

/// Names and units by resource number, in the order of the file (Linux: `lnames`).
const LIMITS: [(&str, &str); 16] = [
    ("Max cpu time", "seconds"),
    ("Max file size", "bytes"),
    ("Max data size", "bytes"),
    ("Max stack size", "bytes"),
    ("Max core file size", "bytes"),
    ("Max resident set", "bytes"),
    ("Max processes", "processes"),
    ("Max open files", "files"),
    ("Max locked memory", "bytes"),
    ("Max address space", "bytes"),
    ("Max file locks", "locks"),
    ("Max pending signals", "signals"),
    ("Max msgqueue size", "bytes"),
    ("Max nice priority", ""),
    ("Max realtime priority", ""),
    ("Max realtime timeout", "us"),
];

pub(super) fn limits(source: &dyn Source, id: Id) -> Content {
    let p = source.process(id.pid)?;
    let mut text = Text::new();
    put!(text, "{:<25} {:<20} {:<20} {:<10}\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    let value = |limit: u64| if limit == u64::MAX { "unlimited".into() } else { format!("{limit}") };
    for ((name, unit), (soft, hard)) in LIMITS.iter().zip(p.limits) {
        put!(text, "{name:<25} {:<20} {:<20} ", value(soft), value(hard));
        if !unit.is_empty() {
            put!(text, "{unit:<10}");
        }
        put!(text, "\n");
    }
    Some(text.0)
}

pub(super) fn io(source: &dyn Source, id: Id) -> Content {
    let io = source.process(id.pid)?.io;
    let text = format!(
        "rchar: {}\nwchar: {}\nsyscr: {}\nsyscw: {}\nread_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n",
        io.read_bytes, io.written_bytes, io.read_calls, io.write_calls
    );
    Some(text.into_bytes())
}

pub(super) fn oom_score_adj(source: &dyn Source, id: Id) -> Content {
    Some(format!("{}\n", source.process(id.pid)?.oom_score_adjustment).into_bytes())
}

pub(super) fn oom_score(source: &dyn Source, id: Id) -> Content {
    let p = source.process(id.pid)?;
    let total = source.memory().total.max(1);
    let share = (source.memory_use(id.pid).resident() * 1000 / total) as i64;
    let score = (share + i64::from(p.oom_score_adjustment)).clamp(0, 2000);
    Some(format!("{score}\n").into_bytes())
}

/// What of Linux's there is to tell: times in ms, counts, the priority.
pub(super) fn sched(source: &dyn Source, id: Id) -> Content {
    let p = source.process(id.pid)?;
    let t = source.thread(id.pid, id.thread())?;
    let time = t.user_time + t.system_time;
    let mut text = Text::new();
    text.bytes(&t.name);
    put!(text, " ({}, #threads: {})\n{:-<67}\n", id.thread(), p.threads, "");
    for (name, ns) in [("se.exec_start", source.system().uptime), ("se.sum_exec_runtime", time)] {
        put!(text, "{name:<45}:{:>14}.{:06}\n", ns / 1_000_000, ns % 1_000_000);
    }
    let (voluntary, involuntary) = (t.voluntary_switches, t.involuntary_switches);
    for (name, value) in [
        ("se.nr_migrations", 0),
        ("nr_switches", voluntary + involuntary),
        ("nr_voluntary_switches", voluntary),
        ("nr_involuntary_switches", involuntary),
        ("policy", 0),
        ("prio", (120 + p.nice) as u64),
    ] {
        put!(text, "{name:<45}:{value:>21}\n");
    }
    Some(text.0)
}

pub(super) fn schedstat(source: &dyn Source, id: Id) -> Content {
    let p = source.process(id.pid)?;
    let t = source.thread(id.pid, id.thread())?;
    let time = if id.tid.is_some() { t.user_time + t.system_time } else { p.user_time + p.system_time };
    Some(format!("{time} 0 {}\n", t.voluntary_switches + t.involuntary_switches).into_bytes())
}

pub(super) fn maps(source: &dyn Source, id: Id) -> Content {
    source.process(id.pid)?;
    Some(super::maps::maps(source, id.pid))
}

pub(super) fn smaps(source: &dyn Source, id: Id) -> Content {
    source.process(id.pid)?;
    Some(super::maps::smaps(source, id.pid))
}

pub(super) fn smaps_rollup(source: &dyn Source, id: Id) -> Content {
    source.process(id.pid)?;
    Some(super::maps::smaps_rollup(source, id.pid))
}

pub(super) fn mounts(source: &dyn Source, id: Id) -> Content {
    source.process(id.pid)?;
    Some(super::system::mounts(source))
}

pub(super) fn mountinfo(source: &dyn Source, id: Id) -> Content {
    source.process(id.pid)?;
    Some(super::system::mountinfo(source))
}

/// What is the same for every task.
pub(super) fn fixed(source: &dyn Source, id: Id, text: &str) -> Content {
    source.process(id.pid)?;
    Some(text.as_bytes().to_vec())
}

/// fdinfo/N.
pub(super) fn descriptor(source: &dyn Source, id: Id, fd: u32) -> Content {
    const O_CLOEXEC: u32 = 0o2000000;
    let (file, close_on_exec) = source.descriptor(id.pid, fd)?;
    let flags = file.flags() | if close_on_exec { O_CLOEXEC } else { 0 };
    let mount = file.path().map_or(0, |path| path.mount.id);
    let inode = file.inode().map_or_else(|| file.stat().map_or(0, |s| s.inode), |i: &Rc<dyn Inode>| i.id().1);
    let text = format!("pos:\t{}\nflags:\t0{flags:o}\nmnt_id:\t{mount}\nino:\t{inode}\n", file.offset());
    Some(text.into_bytes())
}
