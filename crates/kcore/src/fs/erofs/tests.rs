//! Images made by mkfs.erofs are read as they were written; damaged images give errors and nothing worse.

use super::*;
use crate::fs::testing::{TemporaryDirectory, World, leak_aligned, make_image};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

fn sample() -> TemporaryDirectory {
    let source = TemporaryDirectory::new();
    let root = &source.0;
    fs::create_dir_all(root.join("usr/lib/python")).unwrap();
    fs::write(root.join("empty"), b"").unwrap();
    fs::write(root.join("small"), b"hello, image\n").unwrap();
    fs::write(root.join("block"), vec![7; 4096]).unwrap();
    fs::write(root.join("large"), (0..100_000u32).map(|i| (i % 251) as u8).collect::<Vec<_>>()).unwrap();
    fs::hard_link(root.join("small"), root.join("usr/hard")).unwrap();
    symlink("usr/lib", root.join("lib")).unwrap();
    symlink("a".repeat(3000), root.join("long-link")).unwrap();
    for i in 0..600 {
        fs::write(root.join(format!("usr/lib/python/module_with_a_long_name_{i:04}.py")), format!("{i}"))
            .unwrap();
    }
    fs::set_permissions(root.join("small"), fs::Permissions::from_mode(0o4751)).unwrap();
    source
}

fn check(world: &World, source: &std::path::Path) {
    for name in ["empty", "small", "block", "large", "usr/hard", "lib/python/module_with_a_long_name_0599.py"]
    {
        let expected = fs::read(source.join(name)).unwrap();
        assert_eq!(world.read_all(name).unwrap(), expected, "{name}");
        let stat = world.open(name, 0).unwrap().stat().unwrap();
        assert_eq!(stat.size, expected.len() as u64);
    }
    let names = world.list("usr/lib/python").unwrap();
    assert_eq!(names.len(), 602);
    let stat = world.caller().stat(&world.cwd(), b"small", 0).unwrap();
    assert_eq!((stat.mode, stat.links), (0o104751, 2));
    assert_eq!(world.caller().read_link(&world.cwd(), b"long-link").unwrap().len(), 3000);
    assert_eq!(world.open("usr/lib/python/none", 0).err(), Some(Errno::ENOENT));
}

#[test]
fn reads_what_mkfs_wrote() {
    let source = sample();
    for options in [&[][..], &["-Eforce-inode-extended"], &["-Enoinline_data"], &["--chunksize=4096"]] {
        let Some(bytes) = make_image(&source.0, options) else {
            eprintln!("mkfs.erofs is not installed: this test checked nothing");
            return;
        };
        let image = Image::new(leak_aligned(&bytes)).unwrap_or_else(|e| panic!("{options:?}: {e:?}"));
        check(&World::new(Some(image)), &source.0);
    }
}

#[test]
fn extended_attributes_are_read_inline_and_shared() {
    let source = TemporaryDirectory::new();
    let set = |name: &str, key: &std::ffi::CStr, value: &[u8]| {
        fs::write(source.0.join(name), name).unwrap();
        let path = std::ffi::CString::new(source.0.join(name).to_str().unwrap()).unwrap();
        // SAFETY: path and key end with a zero; the value is as long as stated.
        let done =
            unsafe { libc::setxattr(path.as_ptr(), key.as_ptr(), value.as_ptr().cast(), value.len(), 0) };
        done == 0
    };
    // Attributes that many files have become shared ones.
    let mut possible = true;
    for i in 0..8 {
        possible &= set(&format!("file{i}"), c"user.common", b"the same value in every file");
        possible &= set(&format!("file{i}"), c"user.own", format!("value {i}").as_bytes());
    }
    let image = if possible { make_image(&source.0, &[]) } else { None };
    let Some(bytes) = image else {
        eprintln!("no user attributes here, or no mkfs.erofs: this test checked nothing");
        return;
    };
    let world = World::new(Some(Image::new(leak_aligned(&bytes)).unwrap()));
    let caller = world.caller();
    for i in 0..8 {
        let path = caller.target(&world.cwd(), format!("file{i}").as_bytes(), 0).unwrap();
        let names = caller.list_xattrs(&path).unwrap();
        let mut names: Vec<&[u8]> = names.split(|&b| b == 0).filter(|n| !n.is_empty()).collect();
        names.sort();
        assert_eq!(names, [&b"user.common"[..], b"user.own"]);
        assert_eq!(caller.get_xattr(&path, b"user.common").unwrap(), b"the same value in every file");
        assert_eq!(caller.get_xattr(&path, b"user.own").unwrap(), format!("value {i}").as_bytes());
        assert_eq!(caller.get_xattr(&path, b"user.none"), Err(Errno::ENODATA));
        caller.set_xattr(&path, b"user.common", None, 0).unwrap();
        assert_eq!(caller.list_xattrs(&path).unwrap(), b"user.own\0");
    }
}

#[test]
fn devices_fifos_owners_and_times_are_those_of_the_source() {
    let source = TemporaryDirectory::new();
    let path = |name: &str| std::ffi::CString::new(source.0.join(name).to_str().unwrap()).unwrap();
    // SAFETY: the paths end with a zero.
    let root = unsafe {
        libc::mkfifo(path("fifo").as_ptr(), 0o640);
        libc::mknod(path("null").as_ptr(), libc::S_IFCHR | 0o666, libc::makedev(1, 3)) == 0
            && libc::mknod(path("disk").as_ptr(), libc::S_IFBLK | 0o660, libc::makedev(259, 70000)) == 0
    };
    fs::write(source.0.join("old"), b"x").unwrap();
    let then = std::time::UNIX_EPOCH + std::time::Duration::new(1_000_000_000, 5);
    fs::File::options().write(true).open(source.0.join("old")).unwrap().set_modified(then).unwrap();
    let Some(bytes) = make_image(&source.0, &["-Eforce-inode-extended"]) else { return };
    let world = World::new(Some(Image::new(leak_aligned(&bytes)).unwrap()));
    let stat = |name: &str| world.caller().stat(&world.cwd(), name.as_bytes(), 0).unwrap();
    assert_eq!(stat("fifo").mode, 0o010640);
    assert_eq!(stat("old").modified, 1_000_000_000_000_000_005);
    if root {
        assert_eq!((stat("null").mode & 0o170000, stat("null").rdev), (0o020000, libc::makedev(1, 3)));
        assert_eq!((stat("disk").mode & 0o170000, stat("disk").rdev), (0o060000, libc::makedev(259, 70000)));
    }
}
