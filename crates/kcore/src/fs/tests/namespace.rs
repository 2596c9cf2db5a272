//! Mounts, chroot, working directories, renames of what is open.

use crate::errno::Errno;
use crate::file::flags::*;
use crate::fs::mount::{MS_NODEV, MS_RDONLY, MountName};
use crate::fs::ops::{FsContext, OpenHow};
use crate::fs::resolve::RESOLVE_NO_XDEV;
use crate::fs::testing::{LIMITS, World, memfs};

#[test]
fn mounts_cover_and_uncover() {
    let world = World::new(None);
    let (caller, cwd) = (world.caller(), world.cwd());
    caller.mkdir(&cwd, b"mnt", 0o755).unwrap();
    world.create("mnt/below", b"").unwrap();
    let place = caller.target(&cwd, b"mnt", 0).unwrap();
    let mount = |flags| {
        let (_, root) = memfs(None, LIMITS);
        let name = MountName { source: b"tmpfs", file_system: b"tmpfs", flags };
        world.vfs.namespace.mount(root, &place, name).unwrap()
    };
    let first = mount(0);
    assert_eq!(world.list("mnt").unwrap(), [".", ".."]);
    world.create("mnt/inside", b"x").unwrap();
    let open = world.open("mnt/inside", O_RDONLY).unwrap();
    assert_eq!(open.path().unwrap().display(&world.context.root), b"/mnt/inside");
    let above = caller.target(&cwd, b"mnt/..", 0).unwrap();
    assert!(above.is(&world.context.root));
    assert_eq!(caller.rename(&cwd, b"mnt/inside", &cwd, b"x", 0), Err(Errno::EXDEV));
    assert_eq!(caller.link(&cwd, b"mnt/inside", &cwd, b"x", 0), Err(Errno::EXDEV));
    assert_eq!(caller.rmdir(&cwd, b"mnt"), Err(Errno::EBUSY));
    assert_eq!(caller.rename(&cwd, b"mnt", &cwd, b"x", 0), Err(Errno::EBUSY));
    assert_eq!(open.path().unwrap().display(&world.context.root), b"/mnt/inside");
    let how = OpenHow { flags: 0, mode: 0, resolve: RESOLVE_NO_XDEV };
    assert_eq!(caller.open(&cwd, b"mnt/inside", how).err(), Some(Errno::EXDEV));
    assert_eq!(world.vfs.namespace.unmount(&first, false), Err(Errno::EBUSY));
    drop((open, above));
    assert_eq!(world.vfs.namespace.unmount(&first, false), Ok(()));
    assert_eq!(world.list("mnt").unwrap(), [".", "..", "below"]);
    assert_eq!(world.vfs.namespace.unmount(&world.context.root, true), Err(Errno::EINVAL));

    mount(MS_RDONLY | MS_NODEV);
    assert_eq!(world.open("mnt/new", O_CREAT | O_RDWR).err(), Some(Errno::EROFS));
    assert_eq!(caller.mkdir(&cwd, b"mnt/d", 0o755), Err(Errno::EROFS));
    assert_eq!(caller.chmod(&cwd, b"mnt", 0o700, 0), Err(Errno::EROFS));
}

#[test]
fn names_follow_renames_and_removals() {
    let world = World::new(None);
    let (caller, cwd) = (world.caller(), world.cwd());
    caller.mkdir(&cwd, b"one", 0o755).unwrap();
    caller.mkdir(&cwd, b"one/two", 0o755).unwrap();
    let mut context = FsContext::new(world.context.root.clone());
    context.cwd = caller.chdir(&cwd, b"one/two").unwrap();
    let root = &world.context.root;
    assert_eq!(context.cwd.working_directory(root).unwrap(), b"/one/two");
    caller.rename(&cwd, b"one", &cwd, b"uno", 0).unwrap();
    assert_eq!(context.cwd.working_directory(root).unwrap(), b"/uno/two");
    caller.rmdir(&cwd, b"uno/two").unwrap();
    assert_eq!(context.cwd.working_directory(root), Err(Errno::ENOENT));
    assert_eq!(context.cwd.display(root), b"/uno/two (deleted)");
    let inside = crate::fs::ops::Caller { context: &context, ..caller };
    let how = OpenHow { flags: O_CREAT | O_RDWR, mode: 0o644, resolve: 0 };
    assert_eq!(inside.open(&context.cwd, b"f", how).err(), Some(Errno::ENOENT));
    assert_eq!(inside.mkdir(&context.cwd, b"f", 0o755), Err(Errno::ENOENT));
    let up = inside.target(&context.cwd, b"..", 0).unwrap();
    assert_eq!(up.display(root), b"/uno");
}

#[test]
fn a_changed_root_is_not_left() {
    let world = World::new(None);
    let (caller, cwd) = (world.caller(), world.cwd());
    caller.mkdir(&cwd, b"jail", 0o755).unwrap();
    caller.mkdir(&cwd, b"jail/etc", 0o755).unwrap();
    caller.symlink(b"/etc", &cwd, b"jail/link").unwrap();
    let mut context = FsContext::new(caller.chroot(&cwd, b"jail").unwrap());
    let jailed = crate::fs::ops::Caller { context: &context, ..caller };
    let found = jailed.target(&context.cwd, b"../../link/../..", 0).unwrap();
    assert!(found.is(&context.root));
    let etc = jailed.target(&context.cwd, b"/link", 0).unwrap();
    assert_eq!(etc.display(&context.root), b"/etc");
    assert_eq!(etc.display(&world.context.root), b"/jail/etc");
    context.cwd = world.context.root.clone();
    assert_eq!(context.cwd.display(&context.root), b"(unreachable)/");
}

#[test]
fn unused_names_are_forgotten_and_found_again() {
    let world = World::new(None);
    for i in 0..100 {
        world.caller().mkdir(&world.cwd(), format!("d{i}").as_bytes(), 0o755).unwrap();
        world.create(&format!("d{i}/f"), b"x").unwrap();
    }
    let held = world.open("d7/f", O_RDONLY).unwrap();
    let root = &world.context.root;
    assert_eq!(root.dentry.prune(), 2, "d7 and f");
    assert_eq!(held.path().unwrap().display(root), b"/d7/f");
    assert_eq!(world.list("/").unwrap().len(), 102);
    assert_eq!(world.read_all("d99/f").unwrap(), b"x");
}

#[test]
fn a_deep_chain_of_removed_directories_is_dropped_without_recursion() {
    let world = World::new(None);
    let caller = world.caller();
    let mut at = world.cwd();
    let mut above = Vec::new();
    for _ in 0..50_000 {
        caller.mkdir(&at, b"d", 0o755).unwrap();
        above.push(at.clone());
        at = caller.chdir(&at, b"d").unwrap();
    }
    for directory in above.into_iter().rev() {
        caller.rmdir(&directory, b"d").unwrap();
    }
    drop(at);
    assert_eq!(world.list("/").unwrap().len(), 2);
}

#[test]
fn a_deep_tree_is_unmounted_without_recursion() {
    let world = World::new(None);
    let caller = world.caller();
    caller.mkdir(&world.cwd(), b"mnt", 0o755).unwrap();
    let place = caller.target(&world.cwd(), b"mnt", 0).unwrap();
    let (fs, root) = memfs(None, LIMITS);
    let mount = world.vfs.namespace.mount(root, &place, MountName::default()).unwrap();
    let mut at = mount.clone();
    for _ in 0..50_000 {
        caller.mkdir(&at, b"d", 0o755).unwrap();
        at = caller.chdir(&at, b"d").unwrap();
    }
    drop(at);
    world.vfs.namespace.unmount(&mount, false).unwrap();
    drop(mount);
    assert!(fs.root().is_none());
}
