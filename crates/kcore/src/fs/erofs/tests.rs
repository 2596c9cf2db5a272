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
