//! The guest's side of a session against the keeper, in one process: `ramet_kcore::session` over a channel's real memory.

mod common;

use common::Harness;
use common::pages::Pages;
use common::vm::{Window, client, client_with};
use ramet_abi::session::tree;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::flags::{O_APPEND, O_RDONLY, O_RDWR, O_WRONLY};
use ramet_kcore::file::{File, Page, PageSource};
use ramet_kcore::fs::inode::{Creation, Inode, NewNode};
use ramet_kcore::fs::memfs::{Limits, MemFs};
use ramet_kcore::fs::mount::{MountName, Namespace};
use ramet_kcore::fs::open_file::OpenFile;
use ramet_kcore::fs::path::Path;
use ramet_kcore::ipc::object::Origin;
use ramet_kcore::ipc::pipe::pipe;
use ramet_kcore::session::{RemoteFile, SessionInode, SharedFile, Traits, export, finish, migrate};
use ramet_kcore::user::{SliceSink, SliceSource};
use std::cell::RefCell;
use std::rc::Rc;

fn read(file: &OpenFile, most: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; most];
    let n = file.read(&mut SliceSink::new(&mut bytes))?;
    bytes.truncate(n);
    Ok(bytes)
}

#[test]
fn what_a_process_has_becomes_common_with_its_child() {
    let owner = Creation { permissions: 0o755, uid: 0, gid: 0 };
    let limits = Limits { bytes: 64 << 20, nodes: 1000 };
    let (fs, top) = MemFs::new(0x100, None, Rc::new(Pages), Rc::new(|| 77), limits, owner).unwrap();
    let namespace = Namespace::new();
    let root = namespace.mount_root(top.clone(), MountName::default());
    let place = |name: &[u8]| Path {
        mount: root.mount.clone(),
        dentry: namespace.child(&root.dentry, name).unwrap(),
    };
    let opened = |name: &[u8], flags: u32| {
        let path = place(name);
        OpenFile::new(path.inode().clone().open(flags).unwrap(), Some(path), flags)
    };
    for name in [&b"file"[..], b"gone"] {
        let file = top.create(name, NewNode::Regular, owner).unwrap().open(O_RDWR).unwrap();
        file.write(0, &mut SliceSource(&[name, b" has this"].concat()), 0).unwrap();
    }
    let (file, gone) = (opened(b"file", O_RDWR | O_APPEND), opened(b"gone", O_RDONLY));
    assert_eq!(read(&file, 4).unwrap(), b"file");
    top.unlink(b"gone").unwrap();
    root.dentry.delete(b"gone");
    let (reader, writer) = pipe(Origin::default());
    writer.write(0, &mut SliceSource(b"unread"), 0).unwrap();
    let (reader, writer) = (OpenFile::new(reader, None, O_RDONLY), OpenFile::new(writer, None, O_WRONLY));

    let harness = Rc::new(RefCell::new(Harness::new()));
    let first = harness.borrow().first;
    let here = client(&harness, first);
    let files = [file.clone(), gone.clone(), reader.clone(), writer.clone()];
    let held: Vec<Path> = files.iter().filter_map(|file| file.path().cloned()).collect();
    migrate(&here, tree::ROOT, &fs, Some(&root.dentry), &held, &[]).unwrap();
    finish(&here).unwrap();
    export(&here, &files, &files, &|device| device == 0x100).unwrap();
    assert!(files.iter().all(|file| file.remote().is_some()));

    // The child has the same ids; its offset and its pipe are the parent's.
    let vm = harness.borrow_mut().fork(first).unwrap();
    let there = client(&harness, vm);
    let id = |file: &OpenFile| file.remote().unwrap().id;
    let theirs = RemoteFile::new(&there, id(&file), Traits::FILE, None);
    let mut bytes = [0; 4];
    assert_eq!(theirs.read_from(None, &mut SliceSink::new(&mut bytes)), Ok(4));
    assert_eq!((&bytes, file.offset(), theirs.flags()), (b" has", 8, Ok(O_RDWR | O_APPEND)));
    assert_eq!(theirs.write_from(None, &mut SliceSource(b"!"), false, u64::MAX), Ok(1));
    assert_eq!(file.stat().unwrap().size, 14);
    assert_eq!(read(&gone, 100).unwrap(), b"gone has this");
    assert_eq!(read(&reader, 100).unwrap(), b"unread");
    assert_eq!(read(&reader, 100), Err(Errno::EAGAIN));
    let end = RemoteFile::new(&there, id(&writer), Traits::STREAM, None);
    drop((files, writer));
    assert_eq!(read(&reader, 100), Err(Errno::EAGAIN));
    assert_eq!(end.write_from(None, &mut SliceSource(b"more"), false, u64::MAX), Ok(4));
    drop(end);
    assert_eq!((read(&reader, 100).unwrap(), read(&reader, 100).unwrap()), (b"more".to_vec(), Vec::new()));

    // A name that the child makes is seen, and one that it takes away is gone, whatever was looked up before.
    let top = SessionInode::root(&there, tree::ROOT).unwrap();
    assert_eq!(namespace.child(&root.dentry, b"new").err(), Some(Errno::ENOENT));
    let new = top.create(b"new", NewNode::Directory, owner).unwrap();
    assert_eq!(place(b"new").inode().id(), new.id());
    top.unlink(b"file").unwrap();
    assert_eq!(namespace.child(&root.dentry, b"file").err(), Some(Errno::ENOENT));
    assert_eq!(file.stat().unwrap().links, 0);
}

/// The page's byte at `at`, and what is put there.
fn exchange(page: &dyn Page, at: usize, new: u8) -> u8 {
    // SAFETY: a page is 4096 bytes that stay mapped for the rest of the test; nobody refers to them.
    unsafe { core::ptr::replace((page.address() + at) as *mut u8, new) }
}

#[test]
fn shared_memory_is_the_same_bytes_for_all() {
    let harness = Rc::new(RefCell::new(Harness::new()));
    let first = harness.borrow().first;
    let window = Rc::new(Window::default());
    let here = client_with(&harness, first, window.clone());
    let zeroed = || Pages.zeroed().unwrap();
    let pages = [(1, zeroed()), (2, zeroed()), (7, zeroed())];
    exchange(&*pages[1].1, 5, 77);
    exchange(&*pages[2].1, 4095, 78);
    let memory = SharedFile::anonymous(&here, 8 * 4096, &pages).unwrap();
    assert_eq!(memory.stat().unwrap().size, 8 * 4096);
    assert_eq!(memory.page(8, true).err(), Some(Errno::ENXIO));
    let page = |index| memory.page(index, true).unwrap();
    assert_eq!(
        (exchange(&*page(2), 5, 1), exchange(&*page(7), 4095, 2), exchange(&*page(0), 0, 3)),
        (77, 78, 0)
    );
    assert_eq!(window.mapped.get(), 1, "a piece serves all of its pages");
    // Another mapping of the same file, in another VM; and the calls see what is stored.
    let vm = harness.borrow_mut().fork(first).unwrap();
    let there = client(&harness, vm);
    let (inode, shown) = SessionInode::memory_file(&there, b"name", 2, [0, 0]).unwrap();
    assert_eq!(shown, b"/memfd:name (deleted)");
    let file = inode.clone().open(O_RDWR).unwrap();
    file.write(0, &mut SliceSource(&[9; 5000]), 0).unwrap();
    let (one, two) = (file.shared_memory(true).unwrap().unwrap(), file.shared_memory(true).unwrap().unwrap());
    assert_eq!(exchange(&*one.page(1, true).unwrap(), 1, 10), 9);
    assert_eq!(exchange(&*two.page(1, true).unwrap(), 1, 11), 10);
    let mut byte = [0];
    file.read(4097, &mut SliceSink::new(&mut byte), 0).unwrap();
    assert_eq!(byte, [11]);
    // Seals count mappings that can be written.
    one.note_shared_writable(1).unwrap();
    assert_eq!(file.seals(8), Err(Errno::EBUSY));
    one.note_shared_writable(-1).unwrap();
    assert_eq!(file.seals(8), Ok(8));
    assert_eq!(two.note_shared_writable(1), Err(Errno::EPERM));
    assert!(!here.has_sleepers((0x102, 1), 0));
    // The last mapping gives its window back.
    drop((pages, memory));
    assert_eq!((window.mapped.get(), window.files.borrow().iter().flatten().count()), (0, 0));
}
