//! What `/proc` and `/sys` tell: facts about the VM's process, its memory and the machine.

use super::{proc_elsewhere as elsewhere, tty, vfs};
use crate::arch::hypercall::{boot_info, identity};
use crate::arch::user;
use crate::global::Global;
use crate::mm;
use crate::session;
use crate::syscalls::ids::release;
use crate::syscalls::ipc::socket;
use crate::task::process::{self, Process};
use crate::task::thread::{self, Thread};
use crate::task::{relatives, sched, time};
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::arch::x86_64::__cpuid_count;
use core::cell::{Cell, OnceCell};
use core::sync::atomic::Ordering::Acquire;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::exec::elf::Protection;
use ramet_kcore::file::File;
use ramet_kcore::fs::credentials::cap;
use ramet_kcore::fs::mount::Mount;
use ramet_kcore::fs::open_file::OpenFile;
use ramet_kcore::fs::path::Path;
use ramet_kcore::mm::vma::{property, prot};
use ramet_kcore::proc::Source;
use ramet_kcore::proc::cpu::CpuFacts;
use ramet_kcore::proc::load::Load;
use ramet_kcore::proc::source::*;
use ramet_kcore::sort;

static OOM_SCORE_ADJUSTMENT: Global<Cell<i32>> = Global::new(Cell::new(0));
static LOAD: Global<Cell<Load>> = Global::new(Cell::new(Load::NONE));

/// The kernel's facts.
#[derive(Default)]
pub struct Facts {
    cpu: OnceCell<CpuFacts>,
    boot_id: Cell<Option<(u64, [u8; 36])>>,
}

/// The process with that id, if it is in this VM.
fn find(pid: u32) -> Option<Rc<Process>> {
    process::find(pid as i32)
}

/// A thread of it. The process's own id leads to its first thread, whose id stays when a clone gets a new process id.
fn find_thread(process: &Process, pid: u32, tid: u32) -> Option<Rc<Thread>> {
    let first = || process.threads.borrow().first().filter(|_| pid == tid).cloned();
    process.thread(tid as i32).or_else(first)
}

/// What follows the name of a file that has none any more.
const DELETED: &[u8] = b" (deleted)";
/// Most bytes of the program's memory that cmdline and environ show.
const STRINGS_MAX: u64 = 8 << 20;

/// Other processes may have renamed or removed it.
pub(super) fn is_where_others_put_it(path: &Path) {
    if session::is_open() {
        // While its names change it is shown where it was.
        let _ = ramet_kcore::session::refresh(&vfs().namespace, path);
    }
}

/// Load averages times 2048: of this VM's processes.
pub fn load() -> [u64; 3] {
    let used = process::all().iter().map(|process| process.cpu_time()).sum();
    let mut load = LOAD.get();
    let averages = load.look(crate::boot::uptime(), used);
    LOAD.set(load);
    averages
}

impl Source for Facts {
    fn inet_table(&self, table: InetTable) -> Vec<u8> {
        socket::inet_table(table)
    }

    fn processes(&self) -> Vec<u32> {
        let mut ids: Vec<u32> = process::all().iter().map(|process| process.pid.get() as u32).collect();
        if session::is_open() {
            ids.extend(relatives::pids().into_iter().map(|pid| pid as u32));
        }
        sort::by_key(&mut ids, |id| u64::from(*id));
        ids.dedup();
        ids
    }

    fn current(&self) -> (u32, u32) {
        sched::with_current(|thread| (thread.process.pid.get() as u32, thread.tid.get() as u32))
    }

    fn process_of(&self, tid: u32) -> Option<u32> {
        let here = process::of_id(tid as i32).map(|process| process.pid.get() as u32);
        here.or_else(|| elsewhere::process_of(tid))
    }

    fn process(&self, pid: u32) -> Option<ProcessFacts> {
        let Some(process) = find(pid) else {
            return elsewhere::portrait(pid).map(|told| told.process.clone());
        };
        let credentials = match process.threads.borrow().first() {
            Some(thread) => thread.credentials.borrow().clone(),
            None => process.family.remains.borrow().as_ref()?.0.clone(),
        };
        let mut facts = ProcessFacts::new((*credentials).clone());
        let terminal = tty::terminal_of(process.session.get());
        facts.parent = process.parent_pid() as u32;
        facts.group = process.group.get() as u32;
        facts.session = process.session.get() as u32;
        facts.dumpable = process.dumpable.get();
        let children = process.family.children_usage.get();
        (facts.children_user_time, facts.children_system_time) = (children.user_time, children.system_time);
        if let Some(thread) = process.threads.borrow().first() {
            facts.nice = thread.scheduling.get().values().1.0;
        }
        (facts.terminal, facts.terminal_group) = terminal.unwrap_or((0, -1));
        facts.umask = process.context.borrow().umask;
        facts.started = process.started.get();
        facts.user_time = process.cpu_time();
        facts.threads = process.threads.borrow().len() as u32;
        facts.pending = process.pending.borrow().set();
        facts.ignored = process.dispositions.borrow().ignored();
        facts.caught = process.dispositions.borrow().caught();
        for (shown, limit) in facts.limits.iter_mut().zip(process.limits.borrow().iter()) {
            *shown = (limit.soft, limit.hard);
        }
        facts.queued.1 = process.limit(process::resource::SIGPENDING);
        let highest = process.files.borrow().descriptors(0).last().map_or(0, |(fd, _)| fd as u32 + 1);
        facts.descriptor_slots = highest.max(64).next_power_of_two();
        if let Some(stack) = &*process.layout.borrow() {
            facts.stack_start = stack.rsp;
            facts.arguments = stack.arguments;
            facts.environment = stack.environment;
        }
        if let Ok(space) = process.space.try_borrow() {
            facts.minor_faults = space.counters.faults;
            let heap = space.areas().iter().find(|area| area.has(property::HEAP));
            facts.program_break = heap.map_or(0, |area| area.start);
            let code = space.areas().iter().find(|area| area.prot & prot::EXEC != 0 && !area.is_anonymous());
            facts.code = code.map_or((0, 0), |area| (area.start, area.end));
        }
        facts.exit_code = process.exiting.get().unwrap_or(0);
        facts.io = process.transferred.facts();
        facts.oom_score_adjustment = OOM_SCORE_ADJUSTMENT.get();
        Some(facts)
    }

    fn threads(&self, pid: u32) -> Vec<u32> {
        let Some(process) = find(pid) else {
            let told = elsewhere::portrait(pid);
            return told.map_or_else(Vec::new, |told| told.threads.iter().map(|(tid, _)| *tid).collect());
        };
        if process.family.remains.borrow().is_some() {
            return alloc::vec![pid];
        }
        let mut ids: Vec<u32> = process.threads.borrow().iter().map(|t| t.tid.get() as u32).collect();
        sort::by_key(&mut ids, |id| u64::from(*id));
        ids
    }

    fn thread(&self, pid: u32, tid: u32) -> Option<ThreadFacts> {
        let Some(process) = find(pid) else {
            let told = elsewhere::portrait(pid)?;
            return told.threads.iter().find(|(other, _)| *other == tid).map(|(_, thread)| thread.clone());
        };
        let text = |name: [u8; 16]| name[..name.iter().position(|byte| *byte == 0).unwrap_or(15)].to_vec();
        if let Some((_, name)) = &*process.family.remains.borrow() {
            let (name, started) = (text(*name), process.started.get());
            return Some(ThreadFacts { name, state: State::Zombie, started, ..ThreadFacts::default() });
        }
        let thread = find_thread(&process, pid, tid)?;
        let state = match thread.state.get() {
            _ if process.stopped.get() => State::Stopped,
            thread::State::Running | thread::State::Runnable | thread::State::New => State::Running,
            thread::State::Blocked => State::Sleeping,
            thread::State::Dead => State::Zombie,
        };
        let pending = thread.pending.borrow().set();
        Some(ThreadFacts {
            name: text(thread.name.get()),
            state,
            started: process.started.get(),
            user_time: thread.cpu_time_now(),
            pending,
            blocked: thread.mask.get(),
            voluntary_switches: sched::switches(),
            ..ThreadFacts::default()
        })
    }

    fn may_look(&self, pid: u32) -> bool {
        if sched::with_current(|thread| thread.process.pid.get() as u32 == pid) {
            return true;
        }
        let Some(facts) = self.process(pid) else { return false };
        sched::with_current(|thread| {
            let (own, of) = (thread.credentials.borrow(), &facts.credentials);
            let same = [of.uid, of.euid, of.suid].iter().all(|id| *id == own.fsuid)
                && [of.gid, of.egid, of.sgid].iter().all(|id| *id == own.fsgid);
            same && facts.dumpable || own.has(cap::SYS_PTRACE)
        })
    }

    fn memory_use(&self, pid: u32) -> MemoryUse {
        let mut sum = MemoryUse::default();
        let Some(process) = find(pid) else {
            return elsewhere::portrait(pid).map_or(sum, |told| told.memory);
        };
        let Ok(space) = process.space.try_borrow() else { return sum };
        (sum.size, sum.data) = space.sizes();
        for area in space.areas().iter() {
            let resident = space.resident_of(area);
            sum.resident_anonymous += resident.anonymous;
            if area.is_private() {
                sum.resident_file += resident.total - resident.anonymous;
            } else {
                sum.resident_shared += resident.total;
            }
            let executable = area.prot & prot::EXEC != 0;
            sum.locked += if area.has(property::LOCKED) { area.len() } else { 0 };
            sum.stack += if area.has(property::STACK) { area.len() } else { 0 };
            sum.code += if executable { area.len() } else { 0 };
        }
        sum.peak_size = sum.size;
        sum.peak_resident = sum.resident();
        sum
    }

    fn mappings(&self, pid: u32, each: &mut dyn FnMut(&Mapping<'_>)) {
        let Some(process) = find(pid) else { return elsewhere::mappings(pid, each) };
        let Ok(space) = process.space.try_borrow() else { return };
        for (line, area) in space.maps().zip(space.areas().iter()) {
            let resident = space.resident_of(area);
            let can = |bit| line.protection & bit != 0;
            let file = area.file_at(area.start).map(|(mapping, _)| mapping.file.clone());
            let is_deleted = file.is_some_and(|file| file.stat().is_ok_and(|stat| stat.links == 0));
            let mut name = line.name.as_bytes().to_vec();
            if is_deleted && !name.ends_with(DELETED) {
                name.extend_from_slice(DELETED);
            }
            each(&Mapping {
                start: line.start,
                end: line.end,
                protection: Protection {
                    read: can(prot::READ),
                    write: can(prot::WRITE),
                    execute: can(prot::EXEC),
                },
                shared: line.shared,
                offset: line.offset,
                device: line.file.0,
                inode: line.file.1,
                name: &name,
                resident: resident.total,
                anonymous: resident.anonymous,
                locked: area.has(property::LOCKED),
            });
        }
    }

    fn strings(&self, pid: u32, which: Strings) -> Vec<u8> {
        let Some(process) = find(pid) else { return elsewhere::strings(pid, which) };
        let layout = process.layout.borrow();
        let Some(stack) = &*layout else { return Vec::new() };
        let (start, end) = match which {
            Strings::Arguments => stack.arguments,
            Strings::Environment => stack.environment,
            Strings::Auxiliary => return stack.auxiliary.clone(),
        };
        let mut bytes = alloc::vec![0; end.saturating_sub(start).min(STRINGS_MAX) as usize];
        let got = user::read_some(start as usize, &mut bytes);
        bytes.truncate(got);
        bytes
    }

    fn memory_file(&self, pid: u32) -> Result<Rc<dyn File>> {
        // Another VM's memory is its own.
        find(pid).ok_or(Errno::EACCES)?;
        Ok(Rc::new(super::memory::Memory))
    }

    fn place(&self, pid: u32, which: Place) -> Option<Path> {
        let Some(process) = find(pid) else { return elsewhere::place(pid, which) };
        let path = match which {
            Place::Executable => process.executable.borrow().as_ref().map(|file| file.path().clone()),
            Place::Current => Some(process.context.borrow().cwd.clone()),
            Place::Root => Some(process.context.borrow().root.clone()),
        };
        path.inspect(is_where_others_put_it)
    }

    fn descriptors(&self, pid: u32) -> Vec<u32> {
        let Some(process) = find(pid) else { return elsewhere::descriptors(pid) };
        process.files.borrow().descriptors(0).map(|(fd, _)| fd as u32).collect()
    }

    fn descriptor(&self, pid: u32, fd: u32) -> Option<(Rc<OpenFile>, bool)> {
        let Some(process) = find(pid) else { return elsewhere::descriptor(pid, fd) };
        let files = process.files.try_borrow().ok()?;
        let file = files.get(fd as i32).ok()?.clone();
        if let Some(path) = file.path() {
            is_where_others_put_it(path);
        }
        Some((file, files.is_close_on_exec(fd as i32).unwrap_or(false)))
    }

    fn set_name(&self, pid: u32, tid: u32, name: &[u8]) -> Result<()> {
        // As on Linux: only the process itself names its threads.
        let process = find(pid).ok_or(Errno::EINVAL)?;
        let thread = find_thread(&process, pid, tid).ok_or(Errno::ESRCH)?;
        let mut bytes = [0; 16];
        let length = name.len().min(15);
        bytes[..length].copy_from_slice(&name[..length]);
        thread.name.set(bytes);
        Ok(())
    }

    /// Kept and shown: with one process in the VM there is nobody else to end when memory is short.
    fn set_oom_score_adjustment(&self, pid: u32, value: i32) -> Result<()> {
        find(pid).ok_or(Errno::ESRCH)?;
        OOM_SCORE_ADJUSTMENT.set(value);
        Ok(())
    }

    fn mounts(&self) -> Vec<Rc<Mount>> {
        vfs().namespace.mounts()
    }

    fn memory(&self) -> MemoryFacts {
        let now = mm::statistics();
        let used = process::first()
            .and_then(|process| process.space.try_borrow().ok().map(|space| space.resident()))
            .unwrap_or_default();
        MemoryFacts {
            total: now.limit,
            free: now.free,
            available: now.free,
            anonymous: used.anonymous,
            mapped: used.total - used.anonymous,
            committed: used.anonymous,
            ..MemoryFacts::default()
        }
    }

    fn system(&self) -> SystemFacts {
        let uptime = crate::boot::uptime();
        let own = process::first().map_or(0, |process| process.threads.borrow().len() as u32);
        let others = if session::is_open() { relatives::pids().len().saturating_sub(1) as u32 } else { 0 };
        let threads = own + others;
        let busy = process::first().map_or(0, |process| process.cpu_time());
        SystemFacts {
            uptime,
            idle: uptime.saturating_sub(busy),
            user_time: busy,
            boot_time: time::realtime().saturating_sub(uptime) / 1_000_000_000,
            context_switches: sched::switches(),
            started: u64::from(threads),
            runnable: sched::runnable() as u32,
            threads,
            last_pid: self.threads(self.current().0).last().copied().unwrap_or(0),
            load: load(),
            ..SystemFacts::default()
        }
    }

    fn cpu(&self) -> CpuFacts {
        let read = || {
            let leaf = |leaf, subleaf| {
                let words = __cpuid_count(leaf, subleaf);
                [words.eax, words.ebx, words.ecx, words.edx]
            };
            CpuFacts::read(leaf, boot_info().tsc_hz)
        };
        // Each CPUID is an exit.
        self.cpu.get_or_init(read).clone()
    }

    fn release(&self) -> Vec<u8> {
        release::RELEASE.as_bytes().to_vec()
    }

    fn version(&self) -> Vec<u8> {
        release::VERSION.as_bytes().to_vec()
    }

    fn host_name(&self) -> Vec<u8> {
        crate::boot::hostname()
    }

    fn set_host_name(&self, name: &[u8]) -> Result<()> {
        if sched::with_current(|thread| thread.credentials.borrow().euid != 0) {
            return Err(Errno::EPERM);
        }
        crate::boot::set_hostname(name[..name.len().min(64)].to_vec());
        Ok(())
    }

    fn uuid(&self, boot: bool) -> [u8; 36] {
        let generation = identity().generation.load(Acquire);
        match self.boot_id.get() {
            Some((of, uuid)) if boot && of == generation => uuid,
            _ => {
                let uuid = crate::random::uuid();
                if boot {
                    self.boot_id.set(Some((generation, uuid)));
                }
                uuid
            }
        }
    }
}
