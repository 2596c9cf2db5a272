//! path_resolution(7), and the restrictions of openat2(2).

use crate::errno::Errno;
use crate::file::flags::*;
use crate::fs::credentials::Credentials;
use crate::fs::ops::{AT_SYMLINK_NOFOLLOW, OpenHow};
use crate::fs::resolve::*;
use crate::fs::testing::World;

fn world() -> World {
    let world = World::new(None);
    let (caller, cwd) = (world.caller(), world.cwd());
    for name in ["a", "a/b", "a/b/c", "private", "tmp"] {
        caller.mkdir(&cwd, name.as_bytes(), 0o755).unwrap();
    }
    for (target, name) in [
        ("b/c/file", "a/link"),
        ("/a/b/c/file", "a/absolute"),
        ("../../a", "a/b/up"),
        ("loop2", "loop1"),
        ("loop1", "loop2"),
        ("a/b/", "slash"),
        ("nowhere", "dangling"),
        ("../../../../../..", "a/out"),
    ] {
        caller.symlink(target.as_bytes(), &cwd, name.as_bytes()).unwrap();
    }
    world.create("a/b/c/file", b"text").unwrap();
    caller.chmod(&cwd, b"private", 0o700, 0).unwrap();
    caller.chmod(&cwd, b"tmp", 0o1777, 0).unwrap();
    world
}

fn lookup(world: &World, path: &str) -> Result<String, Errno> {
    let found = world.caller().target(&world.cwd(), path.as_bytes(), 0)?;
    Ok(String::from_utf8(found.display(&world.context.root)).unwrap())
}

#[test]
fn paths_lead_where_they_should() {
    let world = world();
    for (path, expected) in [
        ("/", Ok("/")),
        ("//a///b/./c/..", Ok("/a/b")),
        ("../..", Ok("/")),
        ("a/link", Ok("/a/b/c/file")),
        ("a/absolute", Ok("/a/b/c/file")),
        ("a/b/up/b/c/", Ok("/a/b/c")),
        ("slash", Ok("/a/b")),
        ("slash/", Ok("/a/b")),
        ("a/out", Ok("/")),
        ("", Err(Errno::ENOENT)),
        ("a/none", Err(Errno::ENOENT)),
        ("a/none/x", Err(Errno::ENOENT)),
        ("dangling", Err(Errno::ENOENT)),
        ("a/link/", Err(Errno::ENOTDIR)),
        ("a/b/c/file/", Err(Errno::ENOTDIR)),
        ("a/b/c/file/x", Err(Errno::ENOTDIR)),
        ("a/b/c/file/..", Err(Errno::ENOTDIR)),
        ("loop1", Err(Errno::ELOOP)),
        ("loop1/x", Err(Errno::ELOOP)),
    ] {
        assert_eq!(lookup(&world, path).as_deref(), expected.as_ref().map(|s| *s), "{path}");
    }
    let long = "x".repeat(256);
    assert_eq!(lookup(&world, &long), Err(Errno::ENAMETOOLONG));
    assert_eq!(lookup(&world, &long[..255]), Err(Errno::ENOENT));
    assert_eq!(lookup(&world, &"a/../".repeat(819)), Ok("/".into()));
    assert_eq!(lookup(&world, &"a/../".repeat(820)), Err(Errno::ENAMETOOLONG));
}

#[test]
fn forty_links_are_followed_and_no_more() {
    let world = world();
    world.create("l0", b"").unwrap();
    for i in 1..=41 {
        let (target, name) = (format!("l{}", i - 1), format!("l{i}"));
        world.caller().symlink(target.as_bytes(), &world.cwd(), name.as_bytes()).unwrap();
    }
    assert_eq!(lookup(&world, "l40"), Ok("/l0".into()));
    assert_eq!(lookup(&world, "l41"), Err(Errno::ELOOP));
    assert_eq!(world.open("l41", O_CREAT | O_RDWR).err(), Some(Errno::ELOOP));
}

#[test]
fn creating_calls_treat_links_and_slashes_as_linux_does() {
    let world = world();
    let (caller, cwd) = (world.caller(), world.cwd());
    assert_eq!(world.open("dangling", O_CREAT | O_EXCL | O_RDWR).err(), Some(Errno::EEXIST));
    assert_eq!(world.open("dangling", O_CREAT | O_NOFOLLOW | O_RDWR).err(), Some(Errno::ELOOP));
    world.open("dangling", O_CREAT | O_RDWR).unwrap();
    assert_eq!(lookup(&world, "nowhere"), Ok("/nowhere".into()));
    assert_eq!(world.open("new/", O_CREAT | O_RDWR).err(), Some(Errno::EISDIR));
    assert_eq!(world.open("a", O_CREAT | O_RDONLY).err(), Some(Errno::EISDIR));
    assert_eq!(world.open("a", O_WRONLY).err(), Some(Errno::EISDIR));
    assert_eq!(world.open("a/link", O_NOFOLLOW).err(), Some(Errno::ELOOP));
    assert_eq!(world.open("a/link", O_DIRECTORY).err(), Some(Errno::ENOTDIR));
    assert_eq!(caller.mkdir(&cwd, b"new/", 0o755), Ok(()));
    assert_eq!(caller.mkdir(&cwd, b"new", 0o755), Err(Errno::EEXIST));
    assert_eq!(caller.mkdir(&cwd, b"/", 0o755), Err(Errno::EEXIST));
    assert_eq!(caller.mkdir(&cwd, b"new/.", 0o755), Err(Errno::EEXIST));
    assert_eq!(caller.symlink(b"x", &cwd, b"other/"), Err(Errno::ENOENT));
    assert_eq!(caller.rmdir(&cwd, b"new/."), Err(Errno::EINVAL));
    assert_eq!(caller.rmdir(&cwd, b"a/b/c/.."), Err(Errno::ENOTEMPTY));
    assert_eq!(caller.rmdir(&cwd, b"/"), Err(Errno::EBUSY));
    assert_eq!(caller.unlink(&cwd, b"nowhere/"), Err(Errno::ENOTDIR));
    assert_eq!(caller.unlink(&cwd, b"new/"), Err(Errno::EISDIR));
    assert_eq!(caller.rename(&cwd, b"nowhere", &cwd, b"to/", 0), Err(Errno::ENOTDIR));
    assert_eq!(caller.rename(&cwd, b"new", &cwd, b"to/", 0), Ok(()));
    assert_eq!(caller.rename(&cwd, b"a", &cwd, b"a/b/x", 0), Err(Errno::EINVAL));
    assert_eq!(caller.rename(&cwd, b"a/b", &cwd, b"a", 0), Err(Errno::ENOTEMPTY));
    assert_eq!(caller.rename(&cwd, b".", &cwd, b"x", 0), Err(Errno::EBUSY));
    let link = caller.stat(&cwd, b"a/link", AT_SYMLINK_NOFOLLOW).unwrap();
    assert_eq!((link.mode, link.size), (0o120777, 8));
}

#[test]
fn openat2_restrictions_hold() {
    let world = world();
    let start = world.caller().target(&world.cwd(), b"a", 0).unwrap();
    let open = |path: &str, resolve| {
        let how = OpenHow { flags: O_RDONLY, mode: 0, resolve };
        world
            .caller()
            .open(&start, path.as_bytes(), how)
            .map(|f| String::from_utf8(f.path().unwrap().display(&world.context.root)).unwrap())
    };
    assert_eq!(open("b/../link", RESOLVE_BENEATH), Ok("/a/b/c/file".into()));
    assert_eq!(open("..", RESOLVE_BENEATH), Err(Errno::EXDEV));
    assert_eq!(open("absolute", RESOLVE_BENEATH), Err(Errno::EXDEV));
    assert_eq!(open("/b", RESOLVE_BENEATH), Err(Errno::EXDEV));
    assert_eq!(open("b/up", RESOLVE_BENEATH), Err(Errno::EXDEV));
    assert_eq!(open("/b/../../../b", RESOLVE_IN_ROOT), Ok("/a/b".into()));
    assert_eq!(open("absolute", RESOLVE_IN_ROOT), Err(Errno::ENOENT));
    assert_eq!(open("out", RESOLVE_IN_ROOT), Ok("/a".into()));
    assert_eq!(open("link", RESOLVE_NO_SYMLINKS), Err(Errno::ELOOP));
    assert_eq!(open("b/c/file", RESOLVE_NO_SYMLINKS), Ok("/a/b/c/file".into()));
    assert_eq!(open("b", 1 << 40), Err(Errno::EINVAL));
}

#[test]
fn permissions_are_those_of_the_path_and_of_the_file() {
    let mut world = world();
    world.create("private/f", b"").unwrap();
    world.create("tmp/roots", b"").unwrap();
    world.caller().chmod(&world.cwd(), b"tmp/roots", 0o666, 0).unwrap();
    world.credentials = Credentials::user(1000, 1000, &[50]);
    let (caller, cwd) = (world.caller(), world.cwd());
    assert_eq!(lookup(&world, "private"), Ok("/private".into()));
    assert_eq!(lookup(&world, "private/f"), Err(Errno::EACCES));
    assert_eq!(lookup(&world, "private/."), Err(Errno::EACCES));
    assert_eq!(world.open("new", O_CREAT | O_RDWR).err(), Some(Errno::EACCES));
    assert_eq!(world.open("a/b/c/file", O_RDWR).err(), Some(Errno::EACCES));
    assert_eq!(world.open("a/b/c/file", O_RDONLY | O_TRUNC).err(), Some(Errno::EACCES));
    assert!(world.open("a/b/c/file", O_RDONLY).is_ok());
    assert_eq!(world.open("a/b/c/file", O_NOATIME).err(), Some(Errno::EPERM));
    assert_eq!(caller.unlink(&cwd, b"tmp/roots"), Err(Errno::EPERM), "sticky");
    assert_eq!(caller.rename(&cwd, b"tmp/roots", &cwd, b"tmp/mine", 0), Err(Errno::EPERM));
    assert_eq!(caller.link(&cwd, b"a/b/c/file", &cwd, b"tmp/l", 0), Err(Errno::EPERM), "protected_hardlinks");
    assert_eq!(caller.chmod(&cwd, b"tmp/roots", 0o777, 0), Err(Errno::EPERM));
    assert_eq!(caller.chown(&cwd, b"tmp/roots", 1000, 1000, 0), Err(Errno::EPERM));
    caller.symlink(b"/a", &cwd, b"tmp/mine").unwrap();
    assert_eq!(lookup(&world, "tmp/mine"), Ok("/a".into()));
    world.create("tmp/file", b"").unwrap();
    world.caller().chown(&world.cwd(), b"tmp/file", u32::MAX, 50, 0).unwrap();
    assert_eq!(world.caller().chown(&world.cwd(), b"tmp/file", u32::MAX, 51, 0), Err(Errno::EPERM));
    world.credentials = Credentials::user(1001, 1001, &[]);
    assert_eq!(lookup(&world, "tmp/mine"), Err(Errno::EACCES), "protected_symlinks");
    let how = OpenHow { flags: O_CREAT | O_RDONLY, mode: 0o600, resolve: 0 };
    let refused = world.caller().open(&world.cwd(), b"tmp/file", how).err();
    assert_eq!(refused, Some(Errno::EACCES), "protected_regular");
}

#[test]
fn access_asks_for_the_real_ids() {
    let mut world = world();
    world.create("private/f", b"").unwrap();
    world.credentials = Credentials::user(0, 0, &[]);
    world.credentials.setresuid(1000, 0, 0).unwrap();
    let (caller, cwd) = (world.caller(), world.cwd());
    assert_eq!(caller.access(&cwd, b"private/f", 4, 0), Err(Errno::EACCES));
    assert_eq!(caller.access(&cwd, b"private/f", 4, crate::fs::ops::AT_EACCESS), Ok(()));
    assert_eq!(caller.access(&cwd, b"private/f", 1, crate::fs::ops::AT_EACCESS), Err(Errno::EACCES));
    assert_eq!(caller.access(&cwd, b"a/b/c/file", 4, 0), Ok(()));
    assert_eq!(caller.access(&cwd, b"a/b/c/file", 8, 0), Err(Errno::EINVAL));
}
