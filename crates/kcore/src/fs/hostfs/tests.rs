//! A volume over a directory of this machine, served by a small stand-in for the VMM.

use super::*;
use crate::file::flags::*;
use crate::fs::mount::MountName;
use crate::fs::testing::{TemporaryDirectory, World};
use crate::user::{SliceSink, SliceSource};
use ramet_abi::hostfs::{self as abi, DATA_MAX, op, set};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;

struct Server {
    data: Box<[u64]>,
    /// Mapped pieces, leaked: (path, bytes).
    fids: RefCell<BTreeMap<u32, PathBuf>>,
    calls: Cell<u32>,
    read_only: Cell<bool>,
    mapped: RefCell<Vec<Option<Box<[u8]>>>>,
}

fn errno(error: &std::io::Error) -> Errno {
    match (error.raw_os_error(), error.kind()) {
        (Some(number), _) => Errno(number),
        (None, ErrorKind::NotFound) => Errno::ENOENT,
        _ => Errno::EIO,
    }
}

fn attributes(path: &PathBuf) -> Result<abi::Stat> {
    let m = fs::symlink_metadata(path).map_err(|e| errno(&e))?;
    let time = |s: i64, n: i64| (s * 1_000_000_000 + n) as u64;
    Ok(abi::Stat {
        inode: m.ino(),
        mode: m.mode(),
        links: m.nlink() as u32,
        uid: m.uid(),
        gid: m.gid(),
        size: m.size(),
        blocks: m.blocks(),
        accessed: time(m.atime(), m.atime_nsec()),
        modified: time(m.mtime(), m.mtime_nsec()),
        changed: time(m.ctime(), m.ctime_nsec()),
    })
}

impl Server {
    #[allow(clippy::mut_from_ref)]
    fn bytes(&self) -> &mut [u8] {
        // SAFETY: the buffer lives as long as the server and is used by one thread, one slice at a time.
        unsafe { std::slice::from_raw_parts_mut(self.data.as_ptr() as *mut u8, DATA_MAX as usize) }
    }

    fn path(&self, fid: u32) -> Result<PathBuf> {
        self.fids.borrow().get(&fid).cloned().ok_or(Errno::EBADF)
    }

    fn add(&self, path: PathBuf) -> u64 {
        let mut fids = self.fids.borrow_mut();
        let fid = (1..).find(|n| !fids.contains_key(n)).unwrap();
        fids.insert(fid, path);
        u64::from(fid)
    }

    fn serve(&self, r: &mut Request) -> std::io::Result<u64> {
        let refuse = |e: Errno| std::io::Error::from_raw_os_error(e.0);
        let path =
            if r.operation == op::UNMAP { PathBuf::new() } else { self.path(r.fid).map_err(refuse)? };
        let data = self.bytes();
        let text = String::from_utf8_lossy(&data[..r.length.min(9000) as usize]).into_owned();
        let (first, second) = text.split_at(r.first_name as usize);
        match r.operation {
            op::WALK => {
                r.stat = attributes(&path.join(&text)).map_err(refuse)?;
                return Ok(self.add(path.join(&text)));
            }
            op::STAT => r.stat = attributes(&path).map_err(refuse)?,
            op::OPEN => {
                fs::OpenOptions::new().read(true).open(&path)?;
            }
            op::READ => {
                let file = fs::File::open(&path)?;
                return Ok(file.read_at(&mut data[..r.length as usize], r.offset)? as u64);
            }
            op::WRITE => {
                let file = fs::OpenOptions::new().write(true).open(&path)?;
                return Ok(file.write_at(&data[..r.length as usize], r.offset)? as u64);
            }
            op::READDIR => {
                let mut names: Vec<_> = fs::read_dir(&path)?.map(|e| e.unwrap().file_name()).collect();
                names.sort();
                let mut out = Vec::new();
                // Two at a time.
                for (i, name) in names.iter().enumerate().skip(r.offset as usize).take(2) {
                    let known = attributes(&path.join(name)).map_err(refuse)?;
                    let name = name.as_encoded_bytes();
                    out.extend(known.inode.to_le_bytes());
                    out.extend((i as u64 + 1).to_le_bytes());
                    out.extend((known.mode >> 12).to_le_bytes());
                    out.extend((name.len() as u32).to_le_bytes());
                    out.extend(name);
                    out.resize(out.len().next_multiple_of(8), 0);
                }
                data[..out.len()].copy_from_slice(&out);
                return Ok(out.len() as u64);
            }
            op::CREATE => {
                let new = path.join(&text);
                fs::OpenOptions::new().write(true).create_new(true).open(&new)?;
                fs::set_permissions(&new, fs::Permissions::from_mode(r.flags))?;
                r.stat = attributes(&new).map_err(refuse)?;
                return Ok(self.add(new));
            }
            op::MKDIR => fs::create_dir(path.join(&text))?,
            op::UNLINK if r.flags == 1 => fs::remove_dir(path.join(&text))?,
            op::UNLINK => fs::remove_file(path.join(&text))?,
            op::RENAME => fs::rename(path.join(first), self.path(r.other).map_err(refuse)?.join(second))?,
            op::SYMLINK => symlink(second, path.join(first))?,
            op::READLINK => {
                let target = fs::read_link(&path)?;
                let target = target.as_os_str().as_encoded_bytes();
                data[..target.len()].copy_from_slice(target);
                return Ok(target.len() as u64);
            }
            op::LINK => fs::hard_link(&path, self.path(r.other).map_err(refuse)?.join(&text))?,
            op::SETATTR => {
                if r.flags & set::MODE != 0 {
                    fs::set_permissions(&path, fs::Permissions::from_mode(r.stat.mode))?;
                }
                if r.flags & set::SIZE != 0 {
                    fs::OpenOptions::new().write(true).open(&path)?.set_len(r.stat.size)?;
                }
            }
            op::FSYNC => {}
            op::CLOSE => {
                self.fids.borrow_mut().remove(&r.fid);
            }
            op::MAP => {
                let mut bytes = vec![0; r.length as usize].into_boxed_slice();
                // What is behind the end of the file would be a host fault.
                fs::File::open(&path)?.read_at(&mut bytes, r.offset)?;
                self.mapped.borrow_mut().push(Some(bytes));
                return Ok((self.mapped.borrow().len() as u64 - 1) << 32);
            }
            op::UNMAP => self.mapped.borrow_mut()[(r.offset >> 32) as usize] = None,
            op::STATFS => (r.stat.size, r.stat.blocks) = (1000, 500),
            other => panic!("operation {other}"),
        }
        Ok(0)
    }
}

impl HostTransport for Server {
    fn call(&self, request: &mut Request) -> Result<u64> {
        self.calls.set(self.calls.get() + 1);
        self.serve(request).map_err(|e| errno(&e))
    }
    fn data_address(&self) -> usize {
        self.data.as_ptr() as usize
    }
    fn window_address(&self, offset: u64) -> usize {
        let mapped = self.mapped.borrow();
        mapped[(offset >> 32) as usize].as_ref().unwrap().as_ptr() as usize + (offset & 0xffff_ffff) as usize
    }
    fn is_read_only(&self) -> bool {
        self.read_only.get()
    }
}

fn world() -> (World, TemporaryDirectory, Rc<Server>) {
    let world = World::new(None);
    let host = TemporaryDirectory::new();
    let server = Rc::new(Server {
        data: vec![0; DATA_MAX as usize / 8].into(),
        fids: RefCell::new(BTreeMap::from([(0, host.0.clone())])),
        calls: Cell::new(0),
        read_only: Cell::new(false),
        mapped: RefCell::default(),
    });
    world.caller().mkdir(&world.cwd(), b"v", 0o755).unwrap();
    let place = world.caller().target(&world.cwd(), b"v", 0).unwrap();
    let root = HostFs::root(server.clone(), 77, 0).unwrap();
    world
        .vfs
        .namespace
        .mount(root, &place, MountName { source: b"v", file_system: b"9p", flags: 0 })
        .unwrap();
    (world, host, server)
}

#[test]
fn a_volume_shows_the_hosts_files_and_their_changes() {
    let (world, host, server) = world();
    fs::create_dir(host.0.join("d")).unwrap();
    let content: Vec<u8> = (0..700_000u32).map(|i| i as u8).collect();
    fs::write(host.0.join("d/big"), &content).unwrap();
    symlink("d/big", host.0.join("link")).unwrap();
    assert!(world.read_all("v/link").unwrap() == content);
    assert_eq!(world.list("v").unwrap(), [".", "..", "d", "link"]);
    fs::write(host.0.join("new"), b"1").unwrap();
    assert_eq!(world.list("v").unwrap(), [".", "..", "d", "link", "new"]);
    assert_eq!(world.read_all("v/new").unwrap(), b"1");
    fs::remove_file(host.0.join("new")).unwrap();
    assert_eq!(world.open("v/new", 0).err(), Some(Errno::ENOENT));
    assert_eq!(
        world.open("v/d/../../v/d/big", 0).unwrap().path().unwrap().display(&world.context.root),
        b"/v/d/big"
    );
    assert_eq!(server.fids.borrow().len(), 1, "all fids but the root's are closed");
    // One request for each component, and none for the attributes.
    server.calls.set(0);
    let stat = world.caller().stat(&world.cwd(), b"v/d/big", 0).unwrap();
    assert_eq!((stat.size, stat.device), (700_000, 77));
    assert_eq!(server.calls.get(), 2 + 2);
}

#[test]
fn what_a_program_changes_is_changed_on_the_host() {
    let (world, host, _) = world();
    let (caller, cwd) = (world.caller(), world.cwd());
    world.create("v/f", &[5; 600_000]).unwrap();
    assert_eq!(fs::read(host.0.join("f")).unwrap(), [5; 600_000]);
    caller.mkdir(&cwd, b"v/d", 0o750).unwrap();
    caller.rename(&cwd, b"v/f", &cwd, b"v/d/g", 0).unwrap();
    caller.link(&cwd, b"v/d/g", &cwd, b"v/h", 0).unwrap();
    caller.symlink(b"target", &cwd, b"v/s").unwrap();
    caller.chmod(&cwd, b"v/h", 0o600, 0).unwrap();
    caller.truncate(&cwd, b"v/h", 3, u64::MAX).unwrap();
    assert_eq!(fs::read(host.0.join("d/g")).unwrap(), [5; 3]);
    assert_eq!(fs::metadata(host.0.join("h")).unwrap().mode() & 0o777, 0o600);
    assert_eq!(caller.read_link(&cwd, b"v/s").unwrap(), b"target");
    let file = world.open("v/h", O_RDWR | O_APPEND).unwrap();
    world.write(&file, b"end").unwrap();
    assert_eq!(fs::read(host.0.join("h")).unwrap(), b"\x05\x05\x05end");
    assert_eq!(caller.rmdir(&cwd, b"v/d"), Err(Errno::ENOTEMPTY));
    caller.unlink(&cwd, b"v/d/g").unwrap();
    caller.rmdir(&cwd, b"v/d").unwrap();
    assert_eq!(caller.rename(&cwd, b"v/h", &cwd, b"h", 0), Err(Errno::EXDEV));
    assert_eq!(caller.mknod(&cwd, b"v/p", 0o010644, 0), Err(Errno::EPERM));
}

#[test]
fn pages_are_mapped_in_pieces_that_stay_while_the_file_is_open() {
    let (world, host, server) = world();
    let live = || server.mapped.borrow().iter().filter(|m| m.is_some()).count();
    fs::write(host.0.join("f"), [9; 10_000]).unwrap();
    let file = world.open("v/f", O_RDWR).unwrap();
    let first = file.file().page(0, false).unwrap();
    let second = file.file().page(2, false).unwrap();
    assert_eq!(second.address() - first.address(), 8192);
    assert!(first.is_read_only() && !file.file().page(1, true).unwrap().is_read_only());
    assert_eq!(file.file().page(3, false).err(), Some(Errno::ENXIO));
    // Page tables hold addresses, not pages.
    drop((first, second));
    assert_eq!(live(), 2);
    // The file grows: a later page is found, in the same pieces.
    file.write_at(20_000, &mut SliceSource(b"x"), &world.writer()).unwrap();
    let mut bytes = [0; 1];
    file.read_at(20_000, &mut SliceSink::new(&mut bytes)).unwrap();
    assert_eq!(&bytes, b"x");
    assert!(file.file().page(4, false).is_ok());
    assert_eq!(live(), 2);
    // It shrinks: once the size has been asked for, the page is not given any more.
    fs::OpenOptions::new().write(true).open(host.0.join("f")).unwrap().set_len(5000).unwrap();
    assert_eq!(file.file().size(), Ok(5000));
    assert!(file.file().page(1, false).is_ok());
    assert_eq!(file.file().page(2, false).err(), Some(Errno::ENXIO));
    drop(file);
    assert_eq!(live(), 0);
}

#[test]
fn a_volume_that_became_read_only_gives_read_only_pages() {
    let (world, host, server) = world();
    fs::write(host.0.join("f"), [9; 100]).unwrap();
    let file = world.open("v/f", O_RDWR).unwrap();
    server.read_only.set(true);
    assert!(file.file().page(0, true).unwrap().is_read_only());
}

#[test]
fn a_mount_point_inside_a_volume_is_found() {
    let (world, host, server) = world();
    fs::create_dir_all(host.0.join("a/b")).unwrap();
    fs::write(host.0.join("f"), b"inner").unwrap();
    let place = world.caller().target(&world.cwd(), b"v/a/b", 0).unwrap();
    let root = HostFs::root(server.clone(), 78, 0).unwrap();
    let name = MountName { source: b"v", file_system: b"9p", flags: 0 };
    let inner = world.vfs.namespace.mount(root, &place, name).unwrap();
    drop(place);
    assert_eq!(world.read_all("v/a/b/f").unwrap(), b"inner");
    assert_eq!(world.vfs.namespace.unmount(&inner, false), Ok(()));
    assert_eq!(world.open("v/a/b/f", 0).err(), Some(Errno::ENOENT));
    // Nothing of the way there is cached any more.
    fs::remove_dir_all(host.0.join("a")).unwrap();
    assert_eq!(world.open("v/a/b", 0).err(), Some(Errno::ENOENT));
}

#[test]
fn two_opens_of_a_host_file_share_its_locks() {
    let (world, host, _) = world();
    fs::write(host.0.join("f"), b"").unwrap();
    let (a, b) = (world.open("v/f", O_RDWR).unwrap(), world.open("v/f", O_RDWR).unwrap());
    a.flock(Some(true)).unwrap();
    assert_eq!(b.flock(Some(true)), Err(Errno::EAGAIN));
    drop(a);
    assert_eq!(b.flock(Some(true)), Ok(()));
}
