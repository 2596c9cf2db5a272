//! Hard links of the image, unlinked files, memory files, attributes.

use crate::errno::Errno;
use crate::file::flags::*;
use crate::fs::erofs;
use crate::fs::erofs::testimage::{Node, image};
use crate::fs::inode::Inode;
use crate::fs::memfs::{self, PageListener};
use crate::fs::open_file::OpenFile;
use crate::fs::ops::{AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, OpenHow, TimeChange};
use crate::fs::path::Path;
use crate::fs::testing::{TemporaryDirectory, World, leak_aligned, make_image, read_all};
use crate::user::SliceSource;
use std::cell::RefCell;
use std::rc::Rc;

fn sample() -> World {
    World::new(Some(image(&Node::directory(vec![
        ("file", Node::file(&[1; 10_000]).mode(0o6755, 7)),
        ("dir", Node::directory(vec![("inner", Node::inline(b"inner"))])),
        ("link", Node::symlink("dir/inner")),
    ]))))
}

#[test]
fn hard_links_of_the_image_are_one_file() {
    let source = TemporaryDirectory::new();
    std::fs::write(source.0.join("a"), b"0123456789").unwrap();
    std::fs::hard_link(source.0.join("a"), source.0.join("b")).unwrap();
    let Some(bytes) = make_image(&source.0, &[]) else { return };
    let world = World::new(Some(erofs::Image::new(leak_aligned(&bytes)).unwrap()));
    let file = world.open("a", O_RDWR).unwrap();
    world.write(&file, b"xyz").unwrap();
    drop(file);
    assert_eq!(world.read_all("b").unwrap(), b"xyz3456789");
    world.caller().unlink(&world.cwd(), b"a").unwrap();
    assert_eq!(world.caller().stat(&world.cwd(), b"b", 0).unwrap().links, 1);
    let open = world.open("b", O_RDONLY).unwrap();
    world.caller().unlink(&world.cwd(), b"b").unwrap();
    assert_eq!(open.stat().unwrap().links, 0);
    assert_eq!(read_all(&open).unwrap(), b"xyz3456789");
}

#[test]
fn an_unlinked_file_lives_while_it_is_open() {
    let world = sample();
    let file = world.open("dir/inner", O_RDWR).unwrap();
    world.caller().unlink(&world.cwd(), b"dir/inner").unwrap();
    world.write(&file, b"OUT").unwrap();
    assert_eq!(file.path().unwrap().display(&world.context.root), b"/dir/inner (deleted)");
    file.seek(0, 0).unwrap();
    assert_eq!(read_all(&file).unwrap(), b"OUTer");
    assert_eq!(world.open("link", 0).err(), Some(Errno::ENOENT));
    world.create("dir/inner", b"new").unwrap();
    assert_eq!(world.read_all("link").unwrap(), b"new");
    assert_ne!(world.open("link", 0).unwrap().stat().unwrap().inode, file.stat().unwrap().inode);
}

#[test]
fn unnamed_files_can_be_given_a_name_unless_exclusive() {
    let world = sample();
    let make = |flags| {
        let how = OpenHow { flags: O_TMPFILE | O_RDWR | flags, mode: 0o600, resolve: 0 };
        world.caller().open(&world.cwd(), b"dir", how).unwrap()
    };
    let link = |file: &OpenFile, name: &str| {
        world.caller().link(file.path().unwrap(), b"", &world.cwd(), name.as_bytes(), AT_EMPTY_PATH)
    };
    let file = make(0);
    world.write(&file, b"text").unwrap();
    assert_eq!(file.stat().unwrap().links, 0);
    assert_eq!(link(&file, "named"), Ok(()));
    assert_eq!(world.read_all("named").unwrap(), b"text");
    assert_eq!(link(&make(O_EXCL), "other"), Err(Errno::ENOENT));
}

#[test]
fn seals_hold() {
    let world = World::new(None);
    let node = memfs::create_memfd(&world.fs, 0, 0, true, true).unwrap();
    let file = node.clone().open(O_RDWR).unwrap();
    let open = OpenFile::new(file, Some(Path::anonymous(node, b"/memfd:x (deleted)")), O_RDWR);
    world.write(&open, &[1; 5000]).unwrap();
    open.file().note_shared_writable(1).unwrap();
    assert_eq!(open.file().seals(memfs::F_SEAL_WRITE), Err(Errno::EBUSY));
    open.file().note_shared_writable(-1).unwrap();
    open.file().seals(memfs::F_SEAL_SHRINK).unwrap();
    assert_eq!(open.truncate(0, &world.writer()), Err(Errno::EPERM));
    assert_eq!(open.truncate(9000, &world.writer()), Ok(()));
    open.file().seals(memfs::F_SEAL_GROW).unwrap();
    assert_eq!(open.truncate(9001, &world.writer()), Err(Errno::EPERM));
    assert_eq!(open.write_at(8999, &mut SliceSource(b"ab"), &world.writer()), Ok(1));
    open.file().seals(memfs::F_SEAL_WRITE | memfs::F_SEAL_SEAL).unwrap();
    assert_eq!(world.write(&open, b"x"), Err(Errno::EPERM));
    assert!(open.file().page(0, true).is_err());
    assert_eq!(open.file().note_shared_writable(1), Err(Errno::EPERM));
    assert_eq!(open.file().seals(memfs::F_SEAL_GROW), Err(Errno::EPERM));
    assert_eq!(open.path().unwrap().display(&world.context.root), b"/memfd:x (deleted)");
}

#[test]
fn times_owners_and_set_id_bits_change_as_on_linux() {
    let mut world = sample();
    let stat =
        |world: &World, name: &[u8]| world.caller().stat(&world.cwd(), name, AT_SYMLINK_NOFOLLOW).unwrap();
    let before = stat(&world, b"file");
    world.read_all("file").unwrap();
    let read = stat(&world, b"file");
    assert!(read.accessed > before.accessed && read.modified == before.modified);
    world.read_all("file").unwrap();
    assert_eq!(stat(&world, b"file").accessed, read.accessed, "relatime");

    world.caller().chown(&world.cwd(), b"file", 1000, 1000, 0).unwrap();
    let owned = stat(&world, b"file");
    assert_eq!((owned.mode & 0o7777, owned.uid, owned.gid), (0o755, 1000, 1000));
    assert!(owned.changed > read.changed && owned.modified == read.modified);
    world.caller().chmod(&world.cwd(), b"file", 0o6755, 0).unwrap();
    world.credentials = crate::fs::credentials::Credentials::user(1000, 1000, &[]);
    let file = world.open("file", O_WRONLY).unwrap();
    world.write(&file, b"x").unwrap();
    let written = stat(&world, b"file");
    assert_eq!(written.mode & 0o7777, 0o755, "a write takes the set-id bits");
    assert!(written.modified > owned.modified);

    let set = TimeChange::Set(5_000_000_001);
    world.caller().utimens(&world.cwd(), b"file", TimeChange::Omit, set, 0).unwrap();
    assert_eq!(stat(&world, b"file").modified, 5_000_000_001);
    world.credentials = crate::fs::credentials::Credentials::user(1001, 1001, &[]);
    let refused = world.caller().utimens(&world.cwd(), b"file", set, set, 0);
    assert_eq!(refused, Err(Errno::EPERM));
    let refused = world.caller().utimens(&world.cwd(), b"file", TimeChange::Now, TimeChange::Now, 0);
    assert_eq!(refused, Err(Errno::EACCES));
}

#[test]
fn attributes_can_be_set_in_memory() {
    let world = sample();
    let path = world.caller().target(&world.cwd(), b"file", 0).unwrap();
    let caller = world.caller();
    assert_eq!(caller.get_xattr(&path, b"user.a"), Err(Errno::ENODATA));
    caller.set_xattr(&path, b"user.a", Some(b"1"), 1).unwrap();
    assert_eq!(caller.set_xattr(&path, b"user.a", Some(b"1"), 1), Err(Errno::EEXIST));
    assert_eq!(caller.list_xattrs(&path).unwrap(), b"user.a\0");
    caller.set_xattr(&path, b"user.a", None, 0).unwrap();
    assert_eq!(caller.set_xattr(&path, b"user.a", Some(b"1"), 2), Err(Errno::ENODATA));
}

#[test]
fn mappings_are_told_when_pages_change() {
    #[derive(Default)]
    struct Told(RefCell<Vec<(u64, u64)>>);
    impl PageListener for Told {
        fn pages_replaced(&self, _: (u64, u64), first: u64, end: u64) {
            self.0.borrow_mut().push((first, end));
        }
    }
    let world = sample();
    let told = Rc::new(Told::default());
    world.fs.set_listener(told.clone());
    let file = world.open("file", O_RDWR).unwrap();
    world.write(&file, b"x").unwrap();
    assert!(told.0.take().is_empty(), "nothing is mapped");
    file.file().image_extent(1).unwrap();
    file.write_at(4096, &mut SliceSource(b"x"), &world.writer()).unwrap();
    file.write_at(4097, &mut SliceSource(b"x"), &world.writer()).unwrap();
    file.truncate(4100, &world.writer()).unwrap();
    assert_eq!(told.0.take(), [(1, 2), (1, u64::MAX)]);
}

#[test]
fn an_executed_file_is_not_written_and_a_written_one_not_executed() {
    let world = sample();
    let program = world.caller().open_executable(&world.cwd(), b"file", 0).unwrap();
    let state = program.inode().unwrap().state().unwrap();
    state.add_executor().unwrap();
    assert_eq!(world.open("file", O_WRONLY).err(), Some(Errno::ETXTBSY));
    state.remove_executor();
    let writer = world.open("file", O_WRONLY).unwrap();
    assert_eq!(state.add_executor(), Err(Errno::ETXTBSY));
    drop(writer);
    assert_eq!(state.add_executor(), Ok(()));
}
