//! /proc/pid/status.

use super::process::Content;
use super::source::{MemoryUse, Source};
use super::table::Id;
use super::text::{Text, kib, put};

pub(super) fn status(source: &dyn Source, id: Id) -> Content {
    let p = source.process(id.pid)?;
    let t = source.thread(id.pid, id.thread())?;
    let (c, tid) = (&p.credentials, id.thread());
    let mut text = Text::new();
    put!(text, "Name:\t");
    text.escaped(&t.name, b"\n\\");
    put!(text, "\nUmask:\t{:04o}\n", p.umask);
    put!(text, "State:\t{} ({})\n", t.state.letter(), t.state.word());
    put!(text, "Tgid:\t{}\nNgid:\t0\nPid:\t{tid}\nPPid:\t{}\nTracerPid:\t0\n", id.pid, p.parent);
    put!(text, "Uid:\t{}\t{}\t{}\t{}\n", c.uid, c.euid, c.suid, c.fsuid);
    put!(text, "Gid:\t{}\t{}\t{}\t{}\n", c.gid, c.egid, c.sgid, c.fsgid);
    put!(text, "FDSize:\t{}\nGroups:\t", p.descriptor_slots);
    for group in c.groups.iter() {
        put!(text, "{group} ");
    }
    put!(text, "\nNStgid:\t{}\nNSpid:\t{tid}\nNSpgid:\t{}\nNSsid:\t{}\n", id.pid, p.group, p.session);
    if t.state != super::source::State::Zombie {
        memory(&mut text, &source.memory_use(id.pid));
    }
    put!(text, "Threads:\t{}\nSigQ:\t{}/{}\n", p.threads, p.queued.0, p.queued.1);
    for (name, set) in [
        ("SigPnd", t.pending),
        ("ShdPnd", p.pending),
        ("SigBlk", t.blocked),
        ("SigIgn", p.ignored),
        ("SigCgt", p.caught),
    ] {
        put!(text, "{name}:\t{:016x}\n", set.0);
    }
    for (name, set) in [
        ("CapInh", c.inheritable),
        ("CapPrm", c.permitted),
        ("CapEff", c.effective),
        ("CapBnd", c.bounding),
        ("CapAmb", c.ambient),
    ] {
        put!(text, "{name}:\t{set:016x}\n");
    }
    put!(text, "NoNewPrivs:\t{}\nSeccomp:\t0\nSeccomp_filters:\t0\n", u32::from(c.no_new_privileges));
    put!(text, "Cpus_allowed:\t1\nCpus_allowed_list:\t0\nMems_allowed:\t1\nMems_allowed_list:\t0\n");
    put!(
        text,
        "voluntary_ctxt_switches:\t{}\nnonvoluntary_ctxt_switches:\t{}\n",
        t.voluntary_switches,
        t.involuntary_switches
    );
    Some(text.0)
}

fn memory(text: &mut Text, m: &MemoryUse) {
    for (name, bytes) in [
        ("VmPeak", m.peak_size.max(m.size)),
        ("VmSize", m.size),
        ("VmLck", m.locked),
        ("VmPin", 0),
        ("VmHWM", m.peak_resident.max(m.resident())),
        ("VmRSS", m.resident()),
        ("RssAnon", m.resident_anonymous),
        ("RssFile", m.resident_file),
        ("RssShmem", m.resident_shared),
        ("VmData", m.data),
        ("VmStk", m.stack),
        ("VmExe", m.code),
        ("VmLib", m.libraries),
        ("VmPTE", m.page_tables),
        ("VmSwap", 0),
        ("HugetlbPages", 0),
    ] {
        put!(text, "{name}:\t{:>8} kB\n", kib(bytes));
    }
    put!(text, "CoreDumping:\t0\nTHP_enabled:\t1\n");
}
