//! Damaged images: whatever the bytes are, reading ends, with data or an error.

use super::testimage::{Node, write};
use super::*;
use crate::fs::testing::Random;

fn sample() -> Vec<u8> {
    let many: Vec<String> = (0..400).map(|i| format!("name-{i:05}")).collect();
    let entries = many.iter().map(|n| (n.as_str(), Node::inline(n.as_bytes()))).collect();
    write(&Node::directory(vec![
        ("chunks", Node::chunked(&[vec![1; 4096], vec![0; 8192], vec![2; 100]].concat())),
        ("data", Node::file(&vec![5; 20_000])),
        ("inline", Node::inline(&vec![6; 5000])),
        ("link", Node::symlink("data")),
        ("many", Node::directory(entries)),
    ]))
}

/// Reads everything there is, a few levels deep; counts what it did to bound it.
fn read_everything(image: &Image, nid: u64, depth: u32, budget: &mut u32) {
    if *budget == 0 {
        return;
    }
    *budget -= 1;
    let Ok(inode) = image.inode(nid) else { return };
    let _ = image.xattrs(&inode, &mut |_, _| true);
    let _ = image.lookup(&inode, b"data");
    let _ = image.lookup(&inode, b"name-00200");
    let _ = image.read_link(&inode);
    let mut buffer = [0; 4096];
    for offset in [0, 1, 4095, 4096, inode.size / 2, inode.size.saturating_sub(1), inode.size, u64::MAX / 2] {
        let _ = image.copy(&inode, offset, &mut buffer);
        let _ = image.extent(&inode, offset / 4096, inode.size);
    }
    if inode.file_type != crate::fs::inode::FileType::Directory {
        return;
    }
    let mut position = 0;
    while let Ok(Some(entry)) = image.next_entry(&inode, position) {
        assert!(entry.next > position, "a listing goes on");
        position = entry.next;
        if depth > 0 {
            read_everything(image, entry.nid, depth - 1, budget);
        }
        if *budget == 0 {
            return;
        }
        *budget -= 1;
    }
}

#[test]
fn damaged_images_give_errors_and_nothing_worse() {
    let good = sample();
    let mut random = Random(0x5eed);
    for round in 0..1500 {
        let mut bytes = good.clone();
        // Half of the damage goes to the superblock and the first inodes, where it matters most.
        for _ in 0..1 + random.below(6) {
            let place = match random.below(4) {
                0 => 1024 + random.below(128),
                1 => 4096 + random.below(2048),
                _ => random.below(bytes.len() as u64),
            };
            bytes[place as usize] = match random.below(3) {
                0 => 0xff,
                1 => 0,
                _ => random.next() as u8,
            };
        }
        if round % 5 == 0 {
            bytes.truncate(random.below(good.len() as u64) as usize);
        }
        let boxed = bytes.into_boxed_slice();
        // SAFETY: the slice is only used in this round, in which `boxed` lives and is not touched.
        let view: &'static [u8] = unsafe { core::slice::from_raw_parts(boxed.as_ptr(), boxed.len()) };
        if let Ok(image) = Image::new(view) {
            read_everything(&image, image.root(), 3, &mut 3000);
            read_everything(&image, random.next(), 0, &mut 100);
        }
        drop(boxed);
    }
}

#[test]
fn the_writer_of_test_images_makes_what_is_read() {
    let world = crate::fs::testing::World::new(Some(
        Image::new(crate::fs::testing::leak_aligned(&sample())).unwrap(),
    ));
    assert_eq!(world.read_all("link").unwrap(), vec![5; 20_000]);
    assert_eq!(world.read_all("inline").unwrap(), vec![6; 5000]);
    assert_eq!(world.read_all("chunks").unwrap(), [vec![1; 4096], vec![0; 8192], vec![2; 100]].concat());
    assert_eq!(world.list("many").unwrap().len(), 402);
    assert_eq!(world.read_all("many/name-00399").unwrap(), b"name-00399");
}
