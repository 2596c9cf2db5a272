//! The writable layer in another kernel is the same, and what is damaged does no harm there.

use crate::errno::Errno;
use crate::fs::erofs::Image;
use crate::fs::erofs::testimage::{Node as Lower, image};
use crate::fs::inode::{Creation, FileType, Inode, NewNode, SetAttributes};
use crate::fs::memfs::{Import, Imported, Limits, MemFs, Node, PIECE_MAX, create_memfd, export};
use crate::fs::testing::{LIMITS, Random, memfs};
use crate::user::{SliceSink, SliceSource};
use std::collections::BTreeMap;
use std::rc::Rc;

const OWNER: Creation = Creation { permissions: 0o640, uid: 3, gid: 4 };

fn lower() -> Image {
    let files = || (0..20).map(|i| (NAMES[i], Lower::file(&vec![i as u8; 3000 * i]))).collect::<Vec<_>>();
    image(&Lower::directory(vec![
        ("d0", Lower::directory(files())),
        ("d1", Lower::directory(vec![("sub", Lower::directory(vec![("x", Lower::inline(b"inner"))]))])),
        ("l0", Lower::symlink("d1/sub/x")),
    ]))
}

const NAMES: [&str; 24] = [
    "a00", "a01", "a02", "a03", "a04", "a05", "a06", "a07", "a08", "a09", "b00", "b01", "b02", "b03", "b04",
    "b05", "b06", "b07", "b08", "b09", "d0", "d1", "sub", "l0",
];

fn pieces(fs: &Rc<MemFs>, unnamed: &[Rc<Node>]) -> Vec<Vec<u8>> {
    let mut export = export(fs, unnamed).unwrap();
    let pieces: Vec<Vec<u8>> = std::iter::from_fn(|| export.next_piece()).collect();
    assert!(pieces.iter().all(|piece| piece.len() <= PIECE_MAX));
    pieces
}

fn import(lower: Option<Image>, pieces: &[Vec<u8>], limits: Limits) -> Result<(Rc<MemFs>, Imported), Errno> {
    let (fs, _root) = memfs(lower, limits);
    let mut import = Import::new(&fs)?;
    for piece in pieces {
        import.feed(piece)?;
    }
    assert!(import.is_complete());
    Ok((fs, import.finish()?))
}

fn contents(node: &Rc<dyn Inode>) -> Vec<u8> {
    let file = node.clone().open(0).unwrap();
    let mut bytes = vec![0; node.stat().unwrap().size as usize];
    // 0o1000000: O_NOATIME.
    let n = file.read(0, &mut SliceSink::new(&mut bytes), 0o1_000_000).unwrap();
    assert_eq!(n, bytes.len());
    bytes
}

/// Everything that can be seen of a node.
#[derive(PartialEq, Debug)]
struct Seen {
    stat: crate::stat::Stat,
    xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    data: Vec<u8>,
    entries: Vec<(Vec<u8>, u64, u64)>,
}

fn look(node: &Rc<dyn Inode>, path: String, all: &mut BTreeMap<String, Seen>) {
    let mut entries = Vec::new();
    let mut children = Vec::new();
    let mut data = Vec::new();
    let kind = node.attributes().unwrap().file_type;
    // Before reading, which notes the time.
    let stat = node.stat().unwrap();
    match kind {
        FileType::Directory => {
            node.read_directory(0, &mut |entry| {
                entries.push((entry.name.to_vec(), entry.inode, entry.next));
                true
            })
            .unwrap();
            for (name, ..) in &entries {
                children.push((String::from_utf8(name.clone()).unwrap(), node.lookup(name).unwrap()));
            }
        }
        FileType::Regular => data = contents(node),
        FileType::Symlink => data = node.read_link().unwrap(),
        _ => {}
    }
    let names = node.list_xattrs().unwrap();
    let names = names.split(|&b| b == 0).filter(|name| !name.is_empty());
    let xattrs = names.map(|name| (name.to_vec(), node.get_xattr(name).unwrap())).collect();
    for (name, child) in children {
        look(&child, format!("{path}/{name}"), all);
    }
    all.insert(path, Seen { stat, xattrs, data, entries });
}

fn tree(root: &Rc<Node>) -> BTreeMap<String, Seen> {
    let mut all = BTreeMap::new();
    look(&(root.clone() as Rc<dyn Inode>), String::new(), &mut all);
    all
}

fn directories(root: &Rc<Node>) -> Vec<Rc<dyn Inode>> {
    let mut found: Vec<Rc<dyn Inode>> = vec![root.clone()];
    let mut next = 0;
    while next < found.len() {
        let directory = found[next].clone();
        let mut names = Vec::new();
        directory
            .read_directory(0, &mut |entry| {
                if entry.file_type == FileType::Directory {
                    names.push(entry.name.to_vec());
                }
                true
            })
            .unwrap();
        found.extend(names.iter().map(|name| directory.lookup(name).unwrap()));
        next += 1;
    }
    found
}

/// One random change. Files that lose their last name are put into `held`.
fn change(random: &mut Random, root: &Rc<Node>, held: &mut Vec<Rc<dyn Inode>>) {
    let all = directories(root);
    let pick = |random: &mut Random| all[random.below(all.len() as u64) as usize].clone();
    let (a, b) = (pick(random), pick(random));
    let name = NAMES[random.below(24) as usize].as_bytes();
    let other = NAMES[random.below(24) as usize].as_bytes();
    let node = a.lookup(name).ok();
    match random.below(12) {
        0 | 1 => drop(a.create(name, NewNode::Regular, OWNER)),
        2 => drop(a.create(name, NewNode::Directory, OWNER)),
        3 => drop(a.create(name, NewNode::Symlink(other), OWNER)),
        4 => drop(a.create(name, NewNode::CharacterDevice(0x103), OWNER)),
        5 => {
            if let Some(node) = node
                && a.unlink(name).is_ok()
                && node.stat().unwrap().links == 0
            {
                held.push(node);
            }
        }
        6 => {
            let _ = a.rmdir(name);
        }
        7 => {
            // The caller of rename sees to it that nothing becomes its own descendant: only files are moved here.
            if let Some(node) = node
                && node.attributes().unwrap().file_type != FileType::Directory
            {
                let _ = a.rename(name, &b, other, 0);
            }
        }
        8 => {
            if let Some(node) = node {
                let _ = b.link(other, &node);
            }
        }
        9 => {
            if let Some(node) = node {
                let change = SetAttributes { permissions: Some(0o4711), uid: Some(77), ..Default::default() };
                node.set_attributes(&change).unwrap();
                let value = random.bytes(20);
                node.set_xattr(b"user.x", Some(&value), 0).unwrap();
            }
        }
        _ => {
            if let Some(node) = node
                && let Ok(file) = node.clone().open(2)
                && file.is_seekable()
                && node.attributes().unwrap().file_type == FileType::Regular
            {
                let (offset, length) = (random.below(60_000), random.below(30_000));
                let bytes = random.bytes(length as usize);
                match random.below(4) {
                    0 => file.truncate(offset).unwrap(),
                    1 => file.allocate(3, offset, length + 1).unwrap(),
                    2 => file.allocate(0, offset, length + 1).unwrap(),
                    _ => assert_eq!(file.write(offset, &mut SliceSource(&bytes), 0).unwrap(), bytes.len()),
                }
            }
        }
    }
}

#[test]
fn random_layers_arrive_whole() {
    for seed in 1..20 {
        let mut random = Random(seed * 7919);
        let lower = (seed % 4 != 0).then(lower);
        let (fs, root) = memfs(lower, LIMITS);
        let mut held = Vec::new();
        for _ in 0..200 {
            change(&mut random, &root, &mut held);
        }
        let unnamed: Vec<Rc<Node>> =
            held.iter().map(|node| node.as_any().downcast_ref::<Node>().unwrap().rc().unwrap()).collect();
        let sent = pieces(&fs, &unnamed);
        let (other, imported) = import(lower, &sent, LIMITS).unwrap_or_else(|e| panic!("seed {seed}: {e:?}"));
        assert_eq!(other.used_bytes(), fs.used_bytes(), "seed {seed}");
        assert_eq!(tree(&imported.root), tree(&root), "seed {seed}");
        for node in &held {
            let theirs: Rc<dyn Inode> = imported.nodes.get(&node.id().1).unwrap().clone();
            assert_eq!(theirs.stat(), node.stat(), "seed {seed}");
            if node.attributes().unwrap().file_type == FileType::Regular {
                assert_eq!(contents(&theirs), contents(node), "seed {seed}");
            }
        }
        // Both go on alike.
        let again = Random(seed);
        let (mut mine, mut theirs) = (Random(again.0), Random(again.0));
        for _ in 0..50 {
            change(&mut mine, &root, &mut held);
            change(&mut theirs, &imported.root, &mut held);
        }
        let names = |root| {
            tree(root).into_iter().map(|(path, seen)| (path, seen.data, seen.entries)).collect::<Vec<_>>()
        };
        assert_eq!(names(&imported.root), names(&root), "seed {seed}");
    }
}

#[test]
fn large_files_come_in_pieces_and_memory_files_with_their_seals() {
    let (fs, root) = memfs(None, LIMITS);
    let file = create_memfd(&fs, 1, 2, true, true).unwrap();
    let open = (file.clone() as Rc<dyn Inode>).open(2).unwrap();
    let bytes = Random(5).bytes(5_000_000);
    open.write(100_000_000, &mut SliceSource(&bytes), 0).unwrap();
    open.seals(2).unwrap();
    let sent = pieces(&fs, std::slice::from_ref(&file));
    assert!(sent.len() > 4);
    let (other, imported) = import(None, &sent, LIMITS).unwrap();
    let theirs = imported.nodes.get(&file.id().1).unwrap().clone();
    assert_eq!(contents(&(theirs.clone() as Rc<dyn Inode>)), contents(&(file as Rc<dyn Inode>)));
    let open = (theirs.clone() as Rc<dyn Inode>).open(2).unwrap();
    assert_eq!(open.seals(0), Ok(2));
    assert_eq!(open.truncate(0), Err(Errno::EPERM));
    // A new node does not get a number that is in use.
    let fresh = imported.root.create(b"new", NewNode::Regular, OWNER).unwrap();
    assert!(!imported.nodes.contains_key(&fresh.id().1));
    assert_eq!(import(None, &sent, Limits { bytes: 4096, nodes: 100 }).err(), Some(Errno::ENOSPC));
    drop((open, theirs, imported));
    assert_eq!(other.used_bytes(), 0);
    drop(root);
}

#[test]
fn what_does_not_belong_is_refused() {
    let (fs, _root) = memfs(Some(lower()), LIMITS);
    let sent = pieces(&fs, &[]);
    assert_eq!(import(None, &sent, LIMITS).err(), Some(Errno::EINVAL), "another image");
    let (used, root) = memfs(Some(lower()), LIMITS);
    root.create(b"file", NewNode::Regular, OWNER).unwrap();
    assert_eq!(Import::new(&used).err(), Some(Errno::EBUSY));
    let (foreign, _foreign_root) = memfs(None, LIMITS);
    let node = create_memfd(&foreign, 0, 0, true, true).unwrap();
    assert_eq!(export(&fs, &[node]).err(), Some(Errno::EXDEV));
    let (fresh, _fresh_root) = memfs(Some(lower()), LIMITS);
    assert_eq!(Import::new(&fresh).unwrap().finish().err(), Some(Errno::EINVAL), "no end");
}

#[test]
fn damaged_streams_do_no_harm() {
    let mut random = Random(99);
    let (fs, root) = memfs(Some(lower()), LIMITS);
    let mut held = Vec::new();
    for _ in 0..300 {
        change(&mut random, &root, &mut held);
    }
    let sent: Vec<u8> = pieces(&fs, &[]).concat();
    let mut refused = 0;
    for round in 0..600 {
        let mut bytes = sent.clone();
        // The places that are not file data are what matters: most of the damage goes into the last part and the first.
        for _ in 0..=random.below(3) {
            let end = bytes.len() as u64;
            let at = if round % 2 == 0 { end - 1 - random.below(end.min(6000)) } else { random.below(end) };
            bytes[at as usize] = random.next() as u8;
        }
        if random.below(10) == 0 {
            bytes.truncate(random.below(bytes.len() as u64) as usize);
        }
        let (other, other_root) = memfs(Some(lower_once()), LIMITS);
        let mut import = Import::new(&other).unwrap();
        if import.feed(&bytes).is_err() {
            refused += 1;
            continue;
        }
        match import.finish() {
            Err(_) => refused += 1,
            Ok(_) => {
                // Usable, whatever it holds.
                for name in NAMES {
                    let _ = other_root.lookup(name.as_bytes()).map(|node| node.stat());
                    let _ = other_root.unlink(name.as_bytes());
                }
            }
        }
    }
    assert!(refused > 150, "{refused}");
}

/// The image once for all rounds: each is leaked.
fn lower_once() -> Image {
    thread_local!(static ONCE: Image = lower());
    ONCE.with(|image| *image)
}
