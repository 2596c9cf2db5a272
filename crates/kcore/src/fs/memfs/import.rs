//! Taking over a writable layer from another kernel: [`Import`].

use super::directory::ADDED;
use super::node::{Content, Restored};
use super::pages::{Slot, bytes_mut};
use super::records::{self, flag};
use super::{FIRST_NEW_INODE, Kept, MemFs, Node, PAGE};
use crate::errno::{Errno, Result};
use crate::fields::Fields;
use crate::fs::inode::{FileType, NAME_MAX, OFFSET_MAX, PATH_MAX};
use crate::map::Map;
use alloc::boxed::Box;
use alloc::rc::Rc;

/// Most links and cookies, so that counting on does not overflow.
const LINKS_LIMIT: u32 = 1 << 24;
const COOKIES_LIMIT: u64 = 1 << 48;
const NO_SEALS: u32 = u32::MAX;

struct Entry {
    node: Rc<Node>,
    /// Names that were added for it.
    names: u32,
}

/// Takes over what [`super::export`] sent, into a file system over the same image that nobody has written to.
///
/// The stream is not trusted: what is damaged is EINVAL, what does not fit ENOSPC, and the file system is of no use then.
pub struct Import {
    fs: Rc<MemFs>,
    root: Option<Rc<Node>>,
    nodes: Map<u64, Entry>,
    began: bool,
    ended: bool,
}

/// What has been taken over.
pub struct Imported {
    /// The root directory.
    pub root: Rc<Node>,
    /// All nodes that came, by inode number: those without a name live as long as this.
    pub nodes: Map<u64, Rc<Node>>,
}

impl Import {
    /// Begins.
    ///
    /// # Errors
    /// EBUSY: the file system has been written to.
    pub fn new(fs: &Rc<MemFs>) -> Result<Import> {
        let allowed = u64::from(fs.lower.is_none());
        let changed = fs.nodes.borrow().values().any(|kept| matches!(kept, Kept::Changed(_)));
        if changed || fs.used_pages.get() > 0 || fs.used_nodes.get() > allowed {
            return Err(Errno::EBUSY);
        }
        Ok(Import { fs: fs.clone(), root: fs.root(), nodes: Map::new(), began: false, ended: false })
    }

    /// Takes one piece.
    ///
    /// # Errors
    /// EINVAL; ENOSPC; EUCLEAN: the image.
    pub fn feed(&mut self, mut piece: &[u8]) -> Result<()> {
        while let Some((kind, fields)) = records::next(&mut piece)? {
            self.record(kind, fields)?;
        }
        Ok(())
    }

    /// Whether the end of the stream has come.
    pub fn is_complete(&self) -> bool {
        self.ended
    }

    /// Ends.
    ///
    /// # Errors
    /// EINVAL: the stream has not ended, or names and link counts do not agree.
    pub fn finish(self) -> Result<Imported> {
        if !self.ended {
            return Err(Errno::EINVAL);
        }
        for entry in self.nodes.values() {
            let node = &entry.node;
            let is_root = self.root.as_ref().is_some_and(|root| Rc::ptr_eq(root, node));
            let good = match (node.file_type, &node.lower) {
                (FileType::Directory, _) => {
                    entry.names <= 1
                        && (entry.names == 0 || node.links.get() >= 1)
                        && !(is_root && entry.names > 0)
                }
                (_, None) => entry.names == node.links.get(),
                (_, Some(_)) => entry.names <= node.links.get(),
            };
            if !good {
                return Err(Errno::EINVAL);
            }
        }
        let root = self.root.ok_or(Errno::EINVAL)?;
        Ok(Imported {
            root,
            nodes: self.nodes.into_iter().map(|(inode, entry)| (inode, entry.node)).collect(),
        })
    }

    fn record(&mut self, kind: u32, mut fields: Fields<'_>) -> Result<()> {
        if self.ended || (kind == records::HEADER) == self.began {
            return Err(Errno::EINVAL);
        }
        match kind {
            records::HEADER => self.header(fields),
            records::NODE => self.node(fields),
            records::PAGES => self.pages(fields),
            records::HOLES => self.holes(fields),
            records::XATTR => {
                let node = self.find(&mut fields)?.node.clone();
                let (present, length) = (fields.u32()?, fields.u32()? as usize);
                if length == 0 || length > NAME_MAX {
                    return Err(Errno::EINVAL);
                }
                let (name, value) = (fields.bytes(length)?, fields.rest());
                node.restore_xattr(name, (present != 0).then_some(value))
            }
            records::DIRECTORY => {
                let directory = self.find(&mut fields)?.node.clone();
                let (next, balance) = (fields.u64()?, fields.i64()?);
                if next > COOKIES_LIMIT || balance.unsigned_abs() > COOKIES_LIMIT {
                    return Err(Errno::EINVAL);
                }
                directory.directory()?.set_counters(next, balance);
                directory.keep();
                Ok(())
            }
            records::ADDED => self.added(fields),
            records::REMOVED => {
                let directory = self.find(&mut fields)?.node.clone();
                let name = check_name(fields.rest())?;
                if directory.lower.is_none() {
                    return Err(Errno::EINVAL);
                }
                directory.directory()?.restore_removed(name)
            }
            records::END => {
                self.ended = true;
                Ok(())
            }
            _ => Err(Errno::EINVAL),
        }
    }

    fn find(&mut self, fields: &mut Fields<'_>) -> Result<&mut Entry> {
        let inode = fields.u64()?;
        self.nodes.get_mut(&inode).ok_or(Errno::EINVAL)
    }

    fn header(&mut self, mut fields: Fields<'_>) -> Result<()> {
        let image = self.fs.lower.as_ref().map_or((0, 0), |image| (image.size(), image.inode_count()));
        let (magic, version, _) = (fields.u64()?, fields.u32()?, fields.u32()?);
        let theirs = (fields.u64()?, fields.u64()?);
        let (root, next) = (fields.u64()?, fields.u64()?);
        let mine = self.root.as_ref().ok_or(Errno::EINVAL)?;
        if magic != records::MAGIC
            || version != records::VERSION
            || theirs != image
            || root != mine.inode
            || !(self.fs.next_inode.get()..1 << 62).contains(&next)
        {
            return Err(Errno::EINVAL);
        }
        self.fs.next_inode.set(next);
        self.began = true;
        Ok(())
    }

    fn node(&mut self, mut fields: Fields<'_>) -> Result<()> {
        let inode = fields.u64()?;
        let file_type = fields.u32()?;
        let file_type = FileType::from_mode(file_type.checked_shl(12).unwrap_or(0)).ok_or(Errno::EINVAL)?;
        let [permissions, uid, gid, links, flags] =
            [fields.u32()?, fields.u32()?, fields.u32()?, fields.u32()?, fields.u32()?];
        let restored = Restored {
            permissions: permissions & 0o7777,
            uid,
            gid,
            links,
            rdev: fields.u64()?,
            times: [fields.i64()?, fields.i64()?, fields.i64()?, fields.i64()?],
            linkable: flags & flag::LINKABLE != 0,
            access_noted: flags & flag::ACCESS_NOTED != 0,
        };
        let (size, lower_end, seals, _) = (fields.u64()?, fields.u64()?, fields.u32()?, fields.u32()?);
        let target = fields.rest();
        let from_image = flags & flag::IMAGE != 0;
        let bad_target = match (file_type, from_image) {
            (FileType::Symlink, false) => {
                target.is_empty() || target.len() >= PATH_MAX || target.contains(&0)
            }
            _ => !target.is_empty(),
        };
        if flags & !flag::ALL != 0 || links > LINKS_LIMIT || bad_target || self.nodes.contains_key(&inode) {
            return Err(Errno::EINVAL);
        }
        let node = if self.root.as_ref().is_some_and(|root| root.inode == inode) {
            self.root.clone().ok_or(Errno::EINVAL)?
        } else if from_image {
            self.fs.lower_node(inode)?
        } else if inode < FIRST_NEW_INODE || inode >= self.fs.next_inode.get() {
            return Err(Errno::EINVAL);
        } else {
            self.fs.restore_node(inode, file_type, &restored, target)?
        };
        if node.file_type != file_type || node.lower.is_some() != from_image {
            return Err(Errno::EINVAL);
        }
        node.restore(&restored);
        if let Content::Regular(data) = &node.content {
            if size > OFFSET_MAX || lower_end > data.lower_end().min(size) {
                return Err(Errno::EINVAL);
            }
            data.restore(size, lower_end, (seals != NO_SEALS).then_some(seals));
        }
        node.keep();
        self.nodes.insert(inode, Entry { node, names: 0 });
        Ok(())
    }

    fn pages(&mut self, mut fields: Fields<'_>) -> Result<()> {
        let node = self.find(&mut fields)?.node.clone();
        let (first, contents) = (fields.u64()?, fields.rest());
        let data = node.data().map_err(|_| Errno::EINVAL)?;
        let count = contents.len() as u64 / PAGE;
        if contents.is_empty() || !(contents.len() as u64).is_multiple_of(PAGE) || !in_range(first, count) {
            return Err(Errno::EINVAL);
        }
        for (index, bytes) in (first..).zip(contents.chunks(PAGE as usize)) {
            if data.pages.get(index).is_some() {
                return Err(Errno::EINVAL);
            }
            let page = self.fs.take_page()?;
            bytes_mut(&*page).copy_from_slice(bytes);
            data.pages.set(index, Slot::Page(page));
        }
        Ok(())
    }

    fn holes(&mut self, mut fields: Fields<'_>) -> Result<()> {
        let node = self.find(&mut fields)?.node.clone();
        let (first, count) = (fields.u64()?, fields.u64()?);
        let data = node.data().map_err(|_| Errno::EINVAL)?;
        // Only what the image has can have been punched out of it.
        let end = data.lower_end().div_ceil(PAGE);
        if !in_range(first, count) || first + count > end {
            return Err(Errno::EINVAL);
        }
        for index in first..first + count {
            if data.pages.get(index).is_some() {
                return Err(Errno::EINVAL);
            }
            data.pages.set(index, Slot::Hole);
        }
        Ok(())
    }

    fn added(&mut self, mut fields: Fields<'_>) -> Result<()> {
        let directory = self.find(&mut fields)?.node.clone();
        let cookie = fields.u64()?;
        let child = self.find(&mut fields)?;
        let name = check_name(fields.rest())?;
        child.names += 1;
        let child = child.node.clone();
        let directory = directory.directory()?;
        let end = ADDED + directory.counters().0;
        if !(ADDED..end).contains(&cookie) {
            return Err(Errno::EINVAL);
        }
        directory.restore_added(name, cookie, child)
    }
}

fn in_range(first: u64, count: u64) -> bool {
    count > 0 && first.checked_add(count).is_some_and(|end| end <= OFFSET_MAX / PAGE + 1)
}

fn check_name(name: &[u8]) -> Result<&[u8]> {
    let bad = name.is_empty()
        || name.len() > NAME_MAX
        || name == b"."
        || name == b".."
        || name.iter().any(|&byte| byte == 0 || byte == b'/');
    if bad { Err(Errno::EINVAL) } else { Ok(name) }
}

impl MemFs {
    fn restore_node(
        &self,
        inode: u64,
        file_type: FileType,
        restored: &Restored,
        target: &[u8],
    ) -> Result<Rc<Node>> {
        if self.used_nodes.get() >= self.limits.nodes {
            return Err(Errno::ENOSPC);
        }
        self.used_nodes.set(self.used_nodes.get() + 1);
        let target: Option<Box<[u8]>> = (file_type == FileType::Symlink).then(|| target.into());
        Ok(Node::new_restored(self.rc()?, inode, file_type, restored, target))
    }
}
