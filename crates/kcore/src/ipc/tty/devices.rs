//! Terminals in the file system: /dev/ptmx, /dev/pts, /dev/tty, /dev/console.

use super::pty::{FIRST_INODE, MAX_PTYS, PTMX, PTMX_INODE, ROOT_INODE, slave_device};
use super::{ConsoleTty, Ptys, Tty, TtyHost};
use crate::errno::{Errno, Result};
use crate::file::{File, flags};
use crate::fs::devfs;
use crate::fs::device::Devices;
use crate::fs::inode::{Attributes, Clock, DirectoryEntry, FileType, Inode, SetAttributes, StatFs};
use crate::stat::{S_IFCHR, S_IFDIR, Stat};
use crate::user::{Sink, Source};
use alloc::format;
use alloc::rc::Rc;
use core::any::Any;
use core::str;

/// statfs(2) type of devpts.
const DEVPTS_SUPER_MAGIC: u64 = 0x1cd1;

/// Registers the drivers of /dev/ptmx, of the slaves, of /dev/tty and, if there is one, of the console.
pub fn register_devices(
    devices: &Devices,
    host: &Rc<dyn TtyHost>,
    ptys: &Rc<Ptys>,
    console: Option<&Rc<ConsoleTty>>,
) {
    let masters = ptys.clone();
    devices.register(devfs::PTMX, Rc::new(move |_| Ok(masters.open_master()?)));
    for number in 0..MAX_PTYS {
        let slaves = ptys.clone();
        let open = move |flags: u32| slaves.get(number).ok_or(Errno::EIO)?.open(flags);
        devices.register(slave_device(number), Rc::new(move |request| Ok(open(request.flags)?)));
    }
    let host = host.clone();
    let open = move |flags: u32| host.controlling().ok_or(Errno::ENXIO)?.open(flags);
    devices.register(devfs::TTY, Rc::new(move |request| Ok(open(request.flags | flags::O_NOCTTY)?)));
    if let Some(console) = console.cloned() {
        // Never becomes a controlling terminal by being opened, as on Linux.
        let open = move |flags: u32| console.open(flags | flags::O_NOCTTY);
        devices.register(devfs::CONSOLE, Rc::new(move |request| Ok(open(request.flags)?)));
    }
}

/// The root of the file system to mount at /dev/pts.
pub fn devpts(ptys: &Rc<Ptys>, clock: Clock) -> Rc<dyn Inode> {
    let now = clock();
    let times = Stat { accessed: now, modified: now, changed: now, created: now, ..Stat::default() };
    let device = ptys.device;
    let root = Stat { device, inode: ROOT_INODE, mode: S_IFDIR | 0o755, links: 2, block_size: 1024, ..times };
    let ptmx = Stat { device, inode: PTMX_INODE, mode: S_IFCHR | 0o666, links: 1, rdev: PTMX, ..root };
    Rc::new(Node { kind: Kind::Root { ptmx }, ptys: ptys.clone(), clock, stat: root })
}

enum Kind {
    Root { ptmx: Stat },
    Master,
    Slave(Rc<Tty>),
}

struct Node {
    kind: Kind,
    ptys: Rc<Ptys>,
    clock: Clock,
    /// Not a slave's: it has its own.
    stat: Stat,
}

impl Node {
    fn other(&self, kind: Kind, stat: Stat) -> Rc<dyn Inode> {
        Rc::new(Node { kind, ptys: self.ptys.clone(), clock: self.clock.clone(), stat })
    }
}

impl Inode for Node {
    fn id(&self) -> (u64, u64) {
        self.stat().map_or((0, 0), |stat| (stat.device, stat.inode))
    }

    fn attributes(&self) -> Result<Attributes> {
        let stat = self.stat()?;
        Ok(Attributes {
            file_type: FileType::from_mode(stat.mode).ok_or(Errno::EIO)?,
            permissions: stat.mode & 0o7777,
            uid: stat.uid,
            gid: stat.gid,
        })
    }

    fn stat(&self) -> Result<Stat> {
        Ok(match &self.kind {
            Kind::Slave(tty) => tty.stat.get(),
            Kind::Root { .. } | Kind::Master => self.stat,
        })
    }

    /// Only slaves change: chown(2), chmod(2), utimensat(2).
    fn set_attributes(&self, change: &SetAttributes) -> Result<()> {
        let Kind::Slave(tty) = &self.kind else { return Err(Errno::EPERM) };
        let mut stat = tty.stat.get();
        if let Some(permissions) = change.permissions {
            stat.mode = (stat.mode & !0o7777) | (permissions & 0o7777);
        }
        stat.uid = change.uid.unwrap_or(stat.uid);
        stat.gid = change.gid.unwrap_or(stat.gid);
        stat.accessed = change.accessed.unwrap_or(stat.accessed);
        stat.modified = change.modified.unwrap_or(stat.modified);
        stat.changed = (self.clock)();
        tty.stat.set(stat);
        Ok(())
    }

    fn lookup(&self, name: &[u8]) -> Result<Rc<dyn Inode>> {
        let Kind::Root { ptmx } = &self.kind else { return Err(Errno::ENOTDIR) };
        if name == b"ptmx" {
            return Ok(self.other(Kind::Master, *ptmx));
        }
        let number: u32 =
            str::from_utf8(name).ok().and_then(|text| text.parse().ok()).ok_or(Errno::ENOENT)?;
        if format!("{number}").as_bytes() != name {
            return Err(Errno::ENOENT);
        }
        let tty = self.ptys.get(number).ok_or(Errno::ENOENT)?;
        Ok(self.other(Kind::Slave(tty), Stat::default()))
    }

    fn is_cacheable(&self) -> bool {
        false
    }

    fn read_directory(&self, cookie: u64, emit: &mut dyn FnMut(&DirectoryEntry<'_>) -> bool) -> Result<()> {
        let Kind::Root { .. } = &self.kind else { return Err(Errno::ENOTDIR) };
        let file_type = FileType::CharacterDevice;
        let ptmx = DirectoryEntry { inode: PTMX_INODE, file_type, next: 1, name: b"ptmx" };
        if cookie == 0 && !emit(&ptmx) {
            return Ok(());
        }
        for number in self.ptys.numbers() {
            let name = format!("{number}");
            let number = number as u64;
            // Slave n is entry n + 1.
            let entry = DirectoryEntry {
                inode: number + FIRST_INODE,
                file_type,
                next: number + 2,
                name: name.as_bytes(),
            };
            if number + 1 >= cookie && !emit(&entry) {
                return Ok(());
            }
        }
        Ok(())
    }

    fn open(self: Rc<Self>, _: u32) -> Result<Rc<dyn File>> {
        match &self.kind {
            Kind::Root { .. } => Ok(Rc::new(Directory(self))),
            Kind::Master | Kind::Slave(_) => Err(Errno::ENXIO),
        }
    }

    fn statfs(&self) -> Result<StatFs> {
        Ok(StatFs { magic: DEVPTS_SUPER_MAGIC, block_size: 4096, id: self.ptys.device, ..StatFs::default() })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The open directory.
struct Directory(Rc<Node>);

impl File for Directory {
    fn read(&self, _: u64, _: &mut dyn Sink, _: u32) -> Result<usize> {
        Err(Errno::EISDIR)
    }

    fn write(&self, _: u64, _: &mut dyn Source, _: u32) -> Result<usize> {
        Err(Errno::EBADF)
    }

    fn is_seekable(&self) -> bool {
        true
    }

    fn stat(&self) -> Result<Stat> {
        self.0.stat()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Host;
    use super::*;
    use crate::stat::makedev;
    use alloc::vec::Vec;

    fn names(root: &Rc<dyn Inode>, cookie: u64, most: usize) -> Vec<Vec<u8>> {
        let mut names = Vec::new();
        root.read_directory(cookie, &mut |entry| {
            names.push(entry.name.to_vec());
            names.len() < most
        })
        .unwrap();
        names
    }

    #[test]
    fn lists_and_finds_slaves() {
        let host: Rc<dyn TtyHost> = Rc::new(Host::default());
        let ptys = Ptys::new(host.clone(), 7);
        let root = devpts(&ptys, Rc::new(|| 99));
        let masters: Vec<_> = (0..3).map(|_| ptys.open_master().unwrap()).collect();
        masters[1].release();
        assert_eq!(names(&root, 0, 9), [&b"ptmx"[..], b"0", b"2"]);
        assert_eq!(names(&root, 2, 9), [b"2"]);
        let slave = root.lookup(b"2").unwrap();
        let stat = slave.stat().unwrap();
        assert_eq!((stat.device, stat.inode, stat.rdev), (7, 5, makedev(136, 2)));
        let change = SetAttributes { permissions: Some(0o600), uid: Some(5), ..SetAttributes::default() };
        slave.set_attributes(&change).unwrap();
        assert_eq!(slave.attributes().unwrap().permissions, 0o600);
        assert_eq!(masters[2].tty().stat.get().changed, 99);
        for wrong in [&b"1"[..], b"02", b"x", b"+2", b"300"] {
            assert_eq!(root.lookup(wrong).err(), Some(Errno::ENOENT));
        }
        assert_eq!(root.lookup(b"ptmx").unwrap().stat().unwrap().rdev, makedev(5, 2));
        assert!(root.clone().open(0).is_ok());
    }

    #[test]
    fn drivers() {
        let host: Rc<dyn TtyHost> = Rc::new(Host::default());
        let ptys = Ptys::new(host.clone(), 7);
        let devices = Devices::new();
        register_devices(&devices, &host, &ptys, None);
        let root = devpts(&ptys, Rc::new(|| 0));
        let kind = FileType::CharacterDevice;
        let ptmx = root.lookup(b"ptmx").unwrap();
        let master = devices.open(&ptmx, kind, flags::O_RDWR).unwrap();
        let slave = root.lookup(b"0").unwrap();
        assert_eq!(devices.open(&slave, kind, flags::O_RDWR).err(), Some(Errno::EIO));
        let pair = super::super::PtyMaster::of(&*master).unwrap();
        pair.unlock();
        assert!(devices.open(&slave, kind, flags::O_RDWR).is_ok());
        master.release();
        assert_eq!(devices.open(&slave, kind, flags::O_RDWR).err(), Some(Errno::EIO));
    }
}
