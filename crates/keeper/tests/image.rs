//! The file system over an image, and what the first process wrote before there was a session.

mod common;

use common::pages::Pages;
use common::{Answer, Harness, numbers};
use ramet_abi::session::{
    Request, TOUCHED_OFFSET, TOUCHED_SIZE, VERSIONS_OFFSET, op, touched_bit, tree, version_slot,
};
use ramet_kcore::fs::erofs::Image;
use ramet_kcore::fs::inode::{Creation, Inode, NewNode};
use ramet_kcore::fs::memfs::{Limits, MemFs, Node, PIECE_MAX, export};
use ramet_kcore::user::SliceSource;
use ramet_keeper::{ClientId, sys};
use std::fs::File;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::Command;
use std::rc::Rc;

/// An image with /dir/a, /dir/b and /other/c.
fn image(name: &str) -> File {
    let place: PathBuf = std::env::temp_dir().join(format!("ramet-keeper-{}-{name}", std::process::id()));
    let tree = place.join("tree");
    std::fs::create_dir_all(tree.join("dir")).unwrap();
    std::fs::create_dir_all(tree.join("other")).unwrap();
    std::fs::write(tree.join("dir/a"), b"from the image").unwrap();
    std::fs::write(tree.join("dir/b"), [5; 10_000]).unwrap();
    std::fs::write(tree.join("other/c"), b"c").unwrap();
    let path = place.join("image");
    let made = Command::new("mkfs.erofs").arg("--quiet").arg(&path).arg(&tree).status().expect("mkfs.erofs");
    assert!(made.success());
    let file = File::open(&path).unwrap();
    std::fs::remove_dir_all(&place).unwrap();
    file
}

fn on(operation: u32, id: u64, arguments: &[u64]) -> Request {
    Request { id, ..numbers(operation, arguments) }
}

fn walk(h: &mut Harness, vm: ClientId, path: &str) -> Answer {
    let root = h.ask(vm, numbers(op::ROOT, &[tree::ROOT]), b"");
    path.split('/').filter(|name| !name.is_empty()).fold(root, |at, name| {
        assert!(at.result > 0, "{path}: {}", at.result);
        h.ask(vm, on(op::WALK, at.result as u64, &[]), name.as_bytes())
    })
}

fn is_touched(h: &Harness, vm: ClientId, inode: u64) -> bool {
    let bit = touched_bit(inode);
    h.word(vm, TOUCHED_OFFSET + bit / 32 * 4) >> (bit % 32) & 1 == 1
}

fn version(h: &Harness, vm: ClientId, of: &Answer) -> u32 {
    h.word(vm, VERSIONS_OFFSET + version_slot(of.stat.device, of.stat.inode) * 4)
}

#[test]
fn what_differs_from_the_image_is_marked_for_all() {
    let mut h = Harness::with(Some(image("marks")), 64);
    let first = h.first;
    let child = h.fork(first).unwrap();
    let (a, b, c) =
        (walk(&mut h, first, "/dir/a"), walk(&mut h, first, "/dir/b"), walk(&mut h, child, "/other/c"));
    let (dir, other) = (walk(&mut h, first, "/dir"), walk(&mut h, child, "/other"));
    assert_eq!(a.values[0], a.stat.inode + 1);
    assert_eq!(dir.values[0], 0);
    let all = [&a, &b, &c, &dir, &other].map(|answer| answer.stat.inode);
    assert!(all.iter().all(|inode| touched_bit(*inode) < TOUCHED_SIZE * 8 && !is_touched(&h, child, *inode)));
    // Reading changes nothing; writing marks the file, a new name its directory.
    let read = Request { wanted: 100, ..on(op::READ_NODE, a.result as u64, &[0]) };
    assert_eq!(h.ask(first, read, b"").data, b"from the image");
    assert!(!is_touched(&h, first, a.stat.inode));
    assert_eq!(h.ask(first, on(op::WRITE_NODE, a.result as u64, &[0]), b"FROM").result, 4);
    assert_eq!(h.ask(first, read, b"").data, b"FROM the image");
    assert!(is_touched(&h, child, a.stat.inode) && !is_touched(&h, child, dir.stat.inode));
    assert_eq!(walk(&mut h, child, "/dir/a").values[0], 0);
    let mode = Request { flags: 1, ..on(op::SETATTR, c.result as u64, &[0o600]) };
    assert_eq!(h.ask(child, mode, b"").result, 0);
    assert!(is_touched(&h, first, c.stat.inode));
    assert_eq!(walk(&mut h, first, "/other/c").values[0], c.stat.inode + 1);
    let create = on(op::CREATE, dir.result as u64, &[0o100644]);
    assert!(h.ask(first, create, b"new").result > 0);
    assert!(is_touched(&h, child, dir.stat.inode) && !is_touched(&h, child, other.stat.inode));
    assert!(!is_touched(&h, child, b.stat.inode));
    // Through a description as well; a write takes the set-user-ID bit, which is an attribute.
    let mode = Request { flags: 1, ..on(op::SETATTR, b.result as u64, &[0o4755]) };
    assert_eq!(h.ask(first, mode, b"").result, 0);
    let open = Request { flags: 1, ..on(op::OPEN, b.result as u64, &[]) };
    let id = h.ask(first, open, b"").result as u64;
    let c_open = Request { flags: 1 | 0o1000, ..on(op::OPEN, c.result as u64, &[]) };
    let before = [&b, &c, &dir, &other].map(|answer| version(&h, child, answer));
    assert_eq!(h.ask(first, on(op::WRITE, id, &[0, u64::MAX]), b"x").result, 1);
    assert!(is_touched(&h, child, b.stat.inode));
    assert!(h.ask(child, c_open, b"").result > 0);
    let after = [&b, &c, &dir, &other].map(|answer| version(&h, child, answer));
    assert_eq!(before.iter().zip(after).map(|(a, b)| b.wrapping_sub(*a)).collect::<Vec<_>>(), [1, 0, 0, 0]);
    let there = walk(&mut h, first, "/other").result as u64;
    let rename = Request { other: there, ..on(op::RENAME, dir.result as u64, &[1]) };
    assert_eq!(h.ask(first, rename, b"az").result, 0);
    let last = [&b, &c, &dir, &other].map(|answer| version(&h, child, answer));
    assert_eq!(after.iter().zip(last).map(|(a, b)| b.wrapping_sub(*a)).collect::<Vec<_>>(), [0, 0, 1, 1]);
    // Who comes later sees the same.
    let late = h.fork(child).unwrap();
    assert!(all.iter().all(|inode| is_touched(&h, late, *inode) == is_touched(&h, first, *inode)));
    assert_eq!([&b, &c, &dir, &other].map(|answer| version(&h, late, answer)), last);
}

#[test]
fn the_first_process_brings_what_it_has_written() {
    let file = image("import");
    let bytes = sys::map_image(file.as_fd()).unwrap();
    let owner = Creation { permissions: 0o644, uid: 1, gid: 2 };
    let limits = Limits { bytes: 64 << 20, nodes: 1000 };
    let image = Some(Image::new(bytes).unwrap());
    let (fs, root) = MemFs::new(0x100, image, Rc::new(Pages), Rc::new(|| 77), limits, owner).unwrap();
    let dir = root.lookup(b"dir").unwrap();
    dir.unlink(b"b").unwrap();
    let new = dir.create(b"new", NewNode::Regular, owner).unwrap();
    let contents: Vec<u8> = (0..3_000_000u32).map(|n| (n / 7) as u8).collect();
    assert_eq!(new.clone().open(2).unwrap().write(0, &mut SliceSource(&contents), 0), Ok(contents.len()));
    root.create(b"gone", NewNode::Regular, owner).unwrap();
    let gone = root.lookup(b"gone").unwrap();
    assert_eq!(gone.clone().open(2).unwrap().write(0, &mut SliceSource(b"still open"), 0), Ok(10));
    root.unlink(b"gone").unwrap();
    let gone_node: Rc<Node> = Rc::clone(&gone.as_any().downcast_ref::<Node>().unwrap().rc().unwrap());

    let mut h = Harness::with(Some(file), 64);
    let first = h.first;
    let mut stream = export(&fs, &[gone_node]).unwrap();
    let mut next = stream.next_piece();
    let mut pieces = 0;
    while let Some(piece) = next {
        assert!(piece.len() <= PIECE_MAX);
        next = stream.next_piece();
        let request = Request { flags: u32::from(next.is_some()), ..numbers(op::IMPORT, &[tree::ROOT]) };
        assert_eq!(h.ask(first, request, &piece).result, 0);
        pieces += 1;
    }
    assert!(pieces >= 3);
    let inode = on(op::INODE, 0, &[tree::ROOT, gone.id().1]);
    let found = h.ask(first, inode, b"/gone (deleted)");
    assert_eq!(found.stat.inode, gone.id().1);
    assert_eq!(h.ask(first, Request { flags: 2, ..numbers(op::IMPORT, &[]) }, b"").result, 0);
    assert_eq!(h.ask(first, inode, b"").result, -2);
    let read = Request { wanted: 100, ..on(op::READ_NODE, found.result as u64, &[0]) };
    assert_eq!(h.ask(first, read, b"").data, b"still open");
    assert_eq!(h.ask(first, on(op::PATH, found.result as u64, &[1]), b"").data, b"/gone (deleted)");
    let there = walk(&mut h, first, "/dir/new");
    assert_eq!((there.stat.inode, there.stat.size, there.stat.uid), (new.id().1, 3_000_000, 1));
    let read = Request { wanted: 1 << 20, ..on(op::READ_NODE, there.result as u64, &[1 << 20]) };
    assert_eq!(h.ask(first, read, b"").data, contents[1 << 20..2 << 20]);
    assert_eq!(walk(&mut h, first, "/dir/b").result, -2);
    assert!(walk(&mut h, first, "/dir/a").result > 0);
    assert!(is_touched(&h, first, dir.id().1));
    // Only once, and only into what nobody has written to.
    assert_eq!(h.ask(first, numbers(op::IMPORT, &[tree::ROOT]), b"").result, -16);
    assert_eq!(h.ask(first, numbers(op::IMPORT, &[tree::SHM]), b"nonsense").result, -22);
}
