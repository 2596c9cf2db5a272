//! The files of procfs that are about the whole VM.

use super::source::{Place, Source};
use super::text::{Text, kib, put, ticks};
use crate::fs::mount::{MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, Mount};
use crate::fs::path::Path;
use alloc::format;
use alloc::vec::Vec;

const SECOND: u64 = 1_000_000_000;

pub(super) fn cpuinfo(source: &dyn Source) -> Vec<u8> {
    source.cpu().cpuinfo()
}

pub(super) fn meminfo(source: &dyn Source) -> Vec<u8> {
    let m = source.memory();
    let file = m.cached.saturating_sub(m.shared);
    let mut text = Text::new();
    for (name, bytes) in [
        ("MemTotal:", m.total),
        ("MemFree:", m.free),
        ("MemAvailable:", m.available),
        ("Buffers:", 0),
        ("Cached:", m.cached),
        ("SwapCached:", 0),
        ("Active:", m.anonymous),
        ("Inactive:", file),
        ("Active(anon):", m.anonymous),
        ("Inactive(anon):", 0),
        ("Active(file):", 0),
        ("Inactive(file):", file),
        ("Unevictable:", 0),
        ("Mlocked:", 0),
        ("SwapTotal:", 0),
        ("SwapFree:", 0),
        ("Dirty:", 0),
        ("Writeback:", 0),
        ("AnonPages:", m.anonymous),
        ("Mapped:", m.mapped),
        ("Shmem:", m.shared),
        ("KReclaimable:", 0),
        ("Slab:", m.kernel),
        ("SReclaimable:", 0),
        ("SUnreclaim:", m.kernel),
        ("KernelStack:", 0),
        ("PageTables:", m.page_tables),
        ("NFS_Unstable:", 0),
        ("Bounce:", 0),
        ("WritebackTmp:", 0),
        ("CommitLimit:", m.total),
        ("Committed_AS:", m.committed),
        ("VmallocTotal:", 0),
        ("VmallocUsed:", 0),
        ("VmallocChunk:", 0),
        ("Percpu:", 0),
        ("AnonHugePages:", 0),
        ("ShmemHugePages:", 0),
        ("ShmemPmdMapped:", 0),
        ("FileHugePages:", 0),
        ("FilePmdMapped:", 0),
    ] {
        put!(text, "{name:<16}{:>8} kB\n", kib(bytes));
    }
    for name in ["HugePages_Total:", "HugePages_Free:", "HugePages_Rsvd:", "HugePages_Surp:"] {
        put!(text, "{name:<16}{:>8}\n", 0);
    }
    put!(text, "Hugepagesize:       2048 kB\nHugetlb:               0 kB\n");
    text.0
}

pub(super) fn stat(source: &dyn Source) -> Vec<u8> {
    let s = source.system();
    let mut text = Text::new();
    for name in ["cpu ", "cpu0"] {
        let (user, system, idle) = (ticks(s.user_time), ticks(s.system_time), ticks(s.idle));
        put!(text, "{name} {user} 0 {system} {idle} 0 0 0 0 0 0\n");
    }
    put!(text, "intr {}\nctxt {}\nbtime {}\n", s.interrupts, s.context_switches, s.boot_time);
    put!(text, "processes {}\nprocs_running {}\nprocs_blocked 0\n", s.started, s.runnable);
    put!(text, "softirq 0 0 0 0 0 0 0 0 0 0 0\n");
    text.0
}

pub(super) fn uptime(source: &dyn Source) -> Vec<u8> {
    let s = source.system();
    let part = |ns: u64| format!("{}.{:02}", ns / SECOND, ns % SECOND / (SECOND / 100));
    format!("{} {}\n", part(s.uptime), part(s.idle)).into_bytes()
}

pub(super) fn loadavg(source: &dyn Source) -> Vec<u8> {
    let s = source.system();
    let mut text = Text::new();
    for load in s.load {
        // Rounded as Linux does, by half a hundredth.
        let load = load + 2048 / 200;
        put!(text, "{}.{:02} ", load >> 11, ((load & 2047) * 100) >> 11);
    }
    put!(text, "{}/{} {}\n", s.runnable, s.threads, s.last_pid);
    text.0
}

pub(super) fn version(source: &dyn Source) -> Vec<u8> {
    let mut text = Text::new();
    text.bytes(b"Linux version ");
    text.bytes(&source.release());
    text.bytes(b" (ramet) ");
    text.bytes(&source.version());
    text.bytes(b"\n");
    text.0
}

fn options(flags: u32, text: &mut Text) {
    put!(text, "{}", if flags & MS_RDONLY != 0 { "ro" } else { "rw" });
    for (bit, name) in [(MS_NOSUID, "nosuid"), (MS_NODEV, "nodev"), (MS_NOEXEC, "noexec")] {
        if flags & bit != 0 {
            put!(text, ",{name}");
        }
    }
}

const SPACES: &[u8] = b" \t\n\\";

/// Where a mount is, as the caller sees it; none: outside its root directory.
fn mount_point(mount: &Mount, root: Option<&Path>) -> Option<Vec<u8>> {
    let Some(place) = mount.mount_point() else { return Some(b"/".to_vec()) };
    let path = place.display(root?);
    (!path.starts_with(b"(unreachable)")).then_some(path)
}

fn each_mount(source: &dyn Source, mut each: impl FnMut(&Mount, &[u8])) {
    let root = source.place(source.current().0, Place::Root);
    for mount in source.mounts() {
        if let Some(place) = mount_point(&mount, root.as_ref()) {
            each(&mount, &place);
        }
    }
}

pub(super) fn mounts(source: &dyn Source) -> Vec<u8> {
    let mut text = Text::new();
    each_mount(source, |mount, place| {
        let name: &[u8] = if mount.source.is_empty() { b"none" } else { &mount.source };
        text.escaped(name, b" \t\n\\#");
        text.bytes(b" ");
        text.escaped(place, SPACES);
        text.bytes(b" ");
        text.bytes(&mount.file_system);
        text.bytes(b" ");
        options(mount.flags.get(), &mut text);
        text.bytes(b",relatime 0 0\n");
    });
    text.0
}

pub(super) fn mountinfo(source: &dyn Source) -> Vec<u8> {
    let mut text = Text::new();
    each_mount(source, |mount, place| {
        let parent = mount.mount_point().map_or(0, |p| p.mount.id);
        // One device a mount: file systems here have no number of their own.
        put!(text, "{} {parent} 0:{} / ", mount.id, mount.id);
        text.escaped(place, SPACES);
        text.bytes(b" ");
        options(mount.flags.get(), &mut text);
        text.bytes(b",relatime - ");
        text.bytes(&mount.file_system);
        text.bytes(b" ");
        let name: &[u8] = if mount.source.is_empty() { b"none" } else { &mount.source };
        text.escaped(name, b" \t\n\\#");
        put!(text, " {}\n", if mount.flags.get() & MS_RDONLY != 0 { "ro" } else { "rw" });
    });
    text.0
}

pub(super) fn vmstat(source: &dyn Source) -> Vec<u8> {
    let m = source.memory();
    let pages = |bytes: u64| bytes >> 12;
    let mut text = Text::new();
    for (name, value) in [
        ("nr_free_pages", pages(m.free)),
        ("nr_anon_pages", pages(m.anonymous)),
        ("nr_mapped", pages(m.mapped)),
        ("nr_file_pages", pages(m.cached)),
        ("nr_shmem", pages(m.shared)),
        ("nr_page_table_pages", pages(m.page_tables)),
        ("pgpgin", 0),
        ("pgpgout", 0),
        ("pswpin", 0),
        ("pswpout", 0),
        ("oom_kill", 0),
    ] {
        put!(text, "{name} {value}\n");
    }
    text.0
}

pub(super) fn current_process(source: &dyn Source) -> Vec<u8> {
    format!("{}", source.current().0).into_bytes()
}

pub(super) fn current_thread(source: &dyn Source) -> Vec<u8> {
    let (pid, tid) = source.current();
    format!("{pid}/task/{tid}").into_bytes()
}
