//! Sending the writable layer to another kernel: [`Export`].

use super::data::Data;
use super::node::Content;
use super::pages::{Slot, bytes};
use super::records::{self, Writer, flag};
use super::{Kept, MemFs, Node};
use crate::errno::{Errno, Result};
use crate::map::Map;
use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::mem;
use core::ops::Bound;

/// Pages in one record.
const RUN_MAX: usize = 64;
/// A piece is full when there may not be room for one more record: 64 pages, or an extended attribute.
const PIECE_FULL: usize = records::PIECE_MAX - (RUN_MAX + 4) * super::PAGE as usize;

enum Step {
    Header,
    Node(usize),
    /// Extended attributes behind the one given.
    Xattrs(usize, Option<Box<[u8]>>),
    Pages(usize, u64),
    Names(usize),
    /// Names of that directory after the one given, which is an added (true) or a removed one.
    Added(usize, u64),
    Removed(usize, Option<Rc<[u8]>>),
    End,
    Done,
}

/// Everything in which a file system differs from its image, as a stream of pieces for [`super::Import`].
///
/// The file system must not change until the last piece has been made.
pub struct Export {
    fs: Rc<MemFs>,
    nodes: Vec<Rc<Node>>,
    step: Step,
}

/// Begins to export `fs`. `unnamed` are nodes that no directory has and that are to go along: open files that have
/// been unlinked, memory files.
///
/// # Errors
/// EXDEV: a node of another file system; EBUSY: the data of a file are somewhere else ([`Node::relocate`]).
pub fn export(fs: &Rc<MemFs>, unnamed: &[Rc<Node>]) -> Result<Export> {
    let mut nodes = Map::new();
    let mut below: Vec<Rc<Node>> = Vec::new();
    below.extend(fs.root());
    for node in unnamed {
        if !Rc::ptr_eq(&node.fs, fs) {
            return Err(Errno::EXDEV);
        }
        below.push(node.clone());
    }
    for kept in fs.nodes.borrow().values() {
        match kept {
            Kept::Changed(node) => below.push(node.clone()),
            // Unlinked, and still open.
            Kept::Unchanged(weak) => below.extend(weak.upgrade().filter(|node| node.links.get() == 0)),
        }
    }
    while let Some(node) = below.pop() {
        if nodes.insert(node.inode, node.clone()).is_none()
            && let Content::Directory(directory) = &node.content
        {
            below.extend(directory.added_nodes());
        }
    }
    if nodes.values().any(|node| node.is_moved()) {
        return Err(Errno::EBUSY);
    }
    Ok(Export { fs: fs.clone(), nodes: nodes.into_values().collect(), step: Step::Header })
}

impl Export {
    /// The next piece, of at most [`records::PIECE_MAX`] bytes; none: that was all.
    pub fn next_piece(&mut self) -> Option<Vec<u8>> {
        if matches!(self.step, Step::Done) {
            return None;
        }
        let mut piece = Vec::new();
        while piece.len() <= PIECE_FULL && !matches!(self.step, Step::Done) {
            self.step = self.advance(&mut Writer { out: &mut piece });
        }
        Some(piece)
    }

    fn advance(&mut self, out: &mut Writer<'_>) -> Step {
        match mem::replace(&mut self.step, Step::Done) {
            Step::Header => {
                self.header(out);
                Step::Node(0)
            }
            Step::Node(index) => match self.nodes.get(index) {
                None => Step::Names(0),
                Some(node) => {
                    write_node(out, node);
                    Step::Xattrs(index, None)
                }
            },
            Step::Xattrs(index, after) => match write_xattr(out, &self.nodes[index], after.as_deref()) {
                Some(name) => Step::Xattrs(index, Some(name)),
                None => Step::Pages(index, 0),
            },
            Step::Pages(index, from) => match &self.nodes[index].content {
                Content::Regular(data) => match write_pages(out, self.nodes[index].inode, data, from) {
                    Some(next) => Step::Pages(index, next),
                    None => Step::Node(index + 1),
                },
                _ => Step::Node(index + 1),
            },
            Step::Names(index) => match self.nodes.get(index).map(|node| (node, &node.content)) {
                None => Step::End,
                Some((node, Content::Directory(directory))) if directory.is_changed() => {
                    let (next_cookie, balance) = directory.counters();
                    out.record(records::DIRECTORY, |body| {
                        body.u64(node.inode);
                        body.u64(next_cookie);
                        body.u64(balance as u64);
                    });
                    Step::Added(index, 0)
                }
                Some(_) => Step::Names(index + 1),
            },
            Step::Added(index, from) => {
                let node = &self.nodes[index];
                let next = node.directory().ok().and_then(|directory| directory.added_from(from));
                let Some((cookie, name, child)) = next else { return Step::Removed(index, None) };
                out.record(records::ADDED, |body| {
                    body.u64(node.inode);
                    body.u64(cookie);
                    body.u64(child);
                    body.bytes(&name);
                });
                Step::Added(index, cookie + 1)
            }
            Step::Removed(index, after) => {
                let node = &self.nodes[index];
                let next =
                    node.directory().ok().and_then(|directory| directory.removed_after(after.as_deref()));
                let Some(name) = next else { return Step::Names(index + 1) };
                out.record(records::REMOVED, |body| {
                    body.u64(node.inode);
                    body.bytes(&name);
                });
                Step::Removed(index, Some(name))
            }
            Step::End | Step::Done => {
                out.record(records::END, |_| {});
                Step::Done
            }
        }
    }

    fn header(&self, out: &mut Writer<'_>) {
        let image = self.fs.lower.as_ref().map_or((0, 0), |image| (image.size(), image.inode_count()));
        out.record(records::HEADER, |body| {
            body.u64(records::MAGIC);
            body.u32(records::VERSION);
            body.u32(0);
            body.u64(image.0);
            body.u64(image.1);
            body.u64(self.fs.root().map_or(0, |root| root.inode));
            body.u64(self.fs.next_inode.get());
        });
    }
}

fn write_node(out: &mut Writer<'_>, node: &Node) {
    let mut flags = 0;
    for (bit, set) in [
        (flag::IMAGE, node.lower.is_some()),
        (flag::LINKABLE, node.linkable.get()),
        (flag::ACCESS_NOTED, node.access_noted.get()),
    ] {
        flags |= if set { bit } else { 0 };
    }
    let (size, lower_end, seals) = match &node.content {
        Content::Regular(data) => (data.size(), data.lower_end(), data.seals.get()),
        _ => (0, 0, None),
    };
    out.record(records::NODE, |body| {
        body.u64(node.inode);
        for value in [
            node.file_type as u32,
            node.permissions.get(),
            node.uid.get(),
            node.gid.get(),
            node.links.get(),
            flags,
        ] {
            body.u32(value);
        }
        body.u64(node.rdev);
        for time in [node.accessed.get(), node.modified.get(), node.changed.get(), node.created] {
            body.u64(time as u64);
        }
        body.u64(size);
        body.u64(lower_end);
        body.u32(seals.unwrap_or(u32::MAX));
        body.u32(0);
        if let Content::Symlink(Some(target)) = &node.content {
            body.bytes(target);
        }
    });
}

fn write_xattr(out: &mut Writer<'_>, node: &Node, after: Option<&[u8]>) -> Option<Box<[u8]>> {
    let changed = node.xattrs.borrow();
    let start = after.map_or(Bound::Unbounded, Bound::Excluded);
    let (name, value) = changed.as_ref()?.range::<[u8]>((start, Bound::Unbounded)).next()?;
    out.record(records::XATTR, |body| {
        body.u64(node.inode);
        body.u32(u32::from(value.is_some()));
        body.u32(name.len() as u32);
        body.bytes(name);
        body.bytes(value.as_deref().unwrap_or_default());
    });
    Some(name.clone())
}

/// One record of pages or holes from page `from` on. Returns where to go on.
fn write_pages(out: &mut Writer<'_>, inode: u64, data: &Data, from: u64) -> Option<u64> {
    let (first, slot) = data.pages.next(from)?;
    let mut end = first + 1;
    match slot {
        Slot::Page(page) => out.record(records::PAGES, |body| {
            body.u64(inode);
            body.u64(first);
            body.bytes(bytes(&*page));
            while end - first < RUN_MAX as u64
                && let Some(Slot::Page(page)) = data.pages.get(end)
            {
                body.bytes(bytes(&*page));
                end += 1;
            }
        }),
        Slot::Hole => {
            while let Some(Slot::Hole) = data.pages.get(end) {
                end += 1;
            }
            out.record(records::HOLES, |body| {
                body.u64(inode);
                body.u64(first);
                body.u64(end - first);
            });
        }
    }
    Some(end)
}
