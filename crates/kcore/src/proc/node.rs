//! The tree of procfs and sysfs, made of the tables.

use super::process;
use super::source::Source;
use super::table::{Entry, Id, Kind, NAME_SPACES, NET_DIRECTORY, TASK, TaskEntry, TaskKind};
use crate::errno::{Errno, Result};
use crate::fs::anonymous;
use crate::fs::inode::FileType;
use crate::fs::procfs::{ProcDirectory, ProcName, ProcNode, Tree};
use alloc::format;
use alloc::rc::Rc;
use alloc::vec::Vec;

type Facts = Rc<dyn Source>;

/// The node of a fixed entry, with all below it.
pub(super) fn entry_node(source: &Facts, entry: &'static Entry) -> ProcNode {
    let facts = source.clone();
    let node = match &entry.kind {
        Kind::Directory(entries) => {
            let add = |tree: Tree, e: &'static Entry| tree.with(e.name, entry_node(source, e));
            entries.iter().fold(Tree::new(), add).node()
        }
        Kind::Processes(entries) => {
            let add = |tree: Tree, e: &'static Entry| tree.with(e.name, entry_node(source, e));
            entries.iter().fold(Tree::new(), add).with_changing(Rc::new(Processes { source: facts })).node()
        }
        Kind::File(make) => ProcNode::text(move |out| {
            out.extend(make(&*facts));
            Ok(())
        }),
        Kind::Fixed(text) => ProcNode::text(|out| {
            out.extend_from_slice(text.as_bytes());
            Ok(())
        }),
        Kind::Setting(make, set) => {
            let writer = source.clone();
            let make = move |out: &mut Vec<u8>| {
                out.extend(make(&*facts));
                Ok(())
            };
            ProcNode::control(make, move |bytes| set(&*writer, bytes))
        }
        Kind::Link(make) => ProcNode::symlink(move || Ok(make(&*facts))),
    };
    node.permissions(entry.mode)
}

fn name(cookie: u64, name: &str, file_type: FileType) -> ProcName {
    ProcName { cookie, name: name.as_bytes().to_vec(), file_type }
}

/// The entries with these numbers, ascending, from `cookie` on.
fn numbered(numbers: Vec<u32>, cookie: u64, file_type: FileType) -> impl Iterator<Item = ProcName> {
    let all = numbers.into_iter().map(move |n| name(u64::from(n), &format!("{n}"), file_type));
    all.filter(move |n| n.cookie >= cookie)
}

/// A number as names in procfs are: decimal without leading zeros.
fn parse(name: &[u8]) -> Option<u32> {
    if name.is_empty() || name.len() > 9 || (name[0] == b'0' && name.len() > 1) {
        return None;
    }
    name.iter().try_fold(0u32, |n, b| b.is_ascii_digit().then(|| n * 10 + u32::from(b - b'0')))
}

/// The processes in the root of procfs.
struct Processes {
    source: Facts,
}

impl ProcDirectory for Processes {
    fn lookup(&self, name: &[u8]) -> Option<ProcNode> {
        // A thread's id leads to its process's directory, though it is not listed.
        let pid = self.source.process_of(parse(name)?)?;
        task_node(&self.source, Id { pid, tid: None })
    }

    fn list(&self, cookie: u64) -> Vec<ProcName> {
        numbered(self.source.processes(), cookie, FileType::Directory).collect()
    }
}

/// A node that belongs to a process's user; none: it is gone.
fn owned(source: &Facts, id: Id, node: ProcNode, mode: u32) -> Option<ProcNode> {
    let credentials = source.process(id.pid)?.credentials;
    Some(node.permissions(mode).owner(credentials.euid, credentials.egid))
}

fn task_node(source: &Facts, id: Id) -> Option<ProcNode> {
    let node = ProcNode::directory(Rc::new(Task { source: source.clone(), id }));
    owned(source, id, node, 0o555)
}

/// The directory of a process or thread.
struct Task {
    source: Facts,
    id: Id,
}

impl Task {
    fn entries(&self) -> impl Iterator<Item = &'static TaskEntry> {
        let whole = self.id.tid.is_none();
        TASK.iter().filter(move |e| whole || !matches!(e.kind, TaskKind::Threads))
    }

    fn node(&self, entry: &'static TaskEntry) -> ProcNode {
        let (source, id) = (self.source.clone(), self.id);
        let numbers = |what| ProcNode::directory(Rc::new(Numbers { source: source.clone(), id, what }));
        match &entry.kind {
            TaskKind::File(make) => ProcNode::text(move |out| append(out, make(&*source, id))),
            TaskKind::Fixed(text) => {
                ProcNode::text(move |out| append(out, process::fixed(&*source, id, text)))
            }
            TaskKind::Setting(make, set) => {
                let writer = source.clone();
                let make = move |out: &mut Vec<u8>| append(out, make(&*source, id));
                ProcNode::control(make, move |bytes| set(&*writer, id, bytes))
            }
            TaskKind::Place(which) => {
                ProcNode::magic(move || source.place(id.pid, *which).ok_or(Errno::ENOENT))
            }
            TaskKind::Memory => ProcNode::open_with(move |_| source.memory_file(id.pid)),
            TaskKind::Descriptors => numbers(What::Descriptors),
            TaskKind::DescriptorInfo => numbers(What::DescriptorInfo),
            TaskKind::Threads => numbers(What::Threads),
            TaskKind::Net => entry_node(&source, &NET_DIRECTORY),
            TaskKind::NameSpaces => NAME_SPACES
                .iter()
                .fold(Tree::new(), |tree, &(name, target)| {
                    tree.with(name, ProcNode::symlink(|| Ok(target.as_bytes().to_vec())))
                })
                .node(),
        }
    }
}

fn append(out: &mut Vec<u8>, content: process::Content) -> Result<()> {
    out.extend(content.ok_or(Errno::ESRCH)?);
    Ok(())
}

impl ProcDirectory for Task {
    fn lookup(&self, name: &[u8]) -> Option<ProcNode> {
        let entry = self.entries().find(|e| e.name.as_bytes() == name)?;
        let node = owned(&self.source, self.id, self.node(entry), entry.mode)?;
        if !entry.is_private() {
            return Some(node);
        }
        let (source, pid) = (self.source.clone(), self.id.pid);
        Some(node.guarded(move || if source.may_look(pid) { Ok(()) } else { Err(Errno::EACCES) }))
    }

    fn list(&self, cookie: u64) -> Vec<ProcName> {
        if self.source.process(self.id.pid).is_none() {
            return Vec::new();
        }
        let file_type = |kind: &TaskKind| match kind {
            TaskKind::Place(_) => FileType::Symlink,
            TaskKind::Descriptors
            | TaskKind::DescriptorInfo
            | TaskKind::Threads
            | TaskKind::Net
            | TaskKind::NameSpaces => FileType::Directory,
            _ => FileType::Regular,
        };
        let all = self.entries().enumerate().skip(usize::try_from(cookie).unwrap_or(usize::MAX));
        all.map(|(i, e)| name(i as u64, e.name, file_type(&e.kind))).collect()
    }
}

#[derive(Clone, Copy)]
enum What {
    Descriptors,
    DescriptorInfo,
    Threads,
}

/// fd/, fdinfo/ and task/.
struct Numbers {
    source: Facts,
    id: Id,
    what: What,
}

impl ProcDirectory for Numbers {
    fn lookup(&self, name: &[u8]) -> Option<ProcNode> {
        let (number, id, source) = (parse(name)?, self.id, self.source.clone());
        match self.what {
            What::Threads => {
                source.thread(id.pid, number)?;
                task_node(&source, Id { pid: id.pid, tid: Some(number) })
            }
            What::Descriptors => {
                let (file, _) = source.descriptor(id.pid, number)?;
                let mode = (if file.is_readable() { 0o500 } else { 0 })
                    | (if file.is_writable() { 0o300 } else { 0 });
                let place = move || {
                    let (file, _) = source.descriptor(id.pid, number).ok_or(Errno::ENOENT)?;
                    Ok(anonymous::place(&file))
                };
                owned(&self.source, id, ProcNode::magic(place), mode)
            }
            What::DescriptorInfo => {
                source.descriptor(id.pid, number)?;
                let text = move |out: &mut Vec<u8>| append(out, process::descriptor(&*source, id, number));
                owned(&self.source, id, ProcNode::text(text), 0o400)
            }
        }
    }

    fn list(&self, cookie: u64) -> Vec<ProcName> {
        let (numbers, file_type) = match self.what {
            What::Threads => (self.source.threads(self.id.pid), FileType::Directory),
            What::Descriptors => (self.source.descriptors(self.id.pid), FileType::Symlink),
            What::DescriptorInfo => (self.source.descriptors(self.id.pid), FileType::Regular),
        };
        numbered(numbers, cookie, file_type).collect()
    }
}
