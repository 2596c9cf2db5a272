//! Data of regular files: random operations against a vector of bytes.

use crate::errno::Errno;
use crate::file::flags::*;
use crate::fs::erofs::testimage::{Node, image};
use crate::fs::memfs::Limits;
use crate::fs::open_file::OpenFile;
use crate::fs::testing::{FaultingSource, LIMITS, PAGE, Random, World, read_all};
use crate::user::{SliceSink, SliceSource};

fn page_bytes(file: &OpenFile, index: u64, for_write: bool) -> Option<&'static mut [u8]> {
    let page = file.file().page(index, for_write).ok()?;
    // SAFETY: test pages are kept by the file as long as the test needs them; one slice at a time is used, and image
    // pages are only read.
    Some(unsafe { std::slice::from_raw_parts_mut(page.address() as *mut u8, PAGE) })
}

fn check(file: &OpenFile, model: &[u8], random: &mut Random) {
    let mut all = vec![0xaa; model.len() + 100];
    let n = file.read_at(0, &mut SliceSink::new(&mut all)).unwrap();
    assert_eq!(n, model.len());
    let differs = (0..n).find(|&i| all[i] != model[i]);
    assert_eq!(differs, None, "offset at which the content of {n} bytes differs");
    assert_eq!(file.stat().unwrap().size, model.len() as u64);
    let offset = random.below(model.len() as u64 + 10);
    let mut part = vec![0; random.below(9000) as usize];
    let n = file.read_at(offset, &mut SliceSink::new(&mut part)).unwrap();
    let expected = model.get(offset as usize..).unwrap_or(&[]);
    assert_eq!(part[..n], expected[..n.min(expected.len())]);
    // The same through mappings: whole pages, zeros behind the end.
    let index = random.below(model.len() as u64 / PAGE as u64 + 2);
    let start = index as usize * PAGE;
    let expected = model.get(start..).map(|rest| {
        let mut page = rest[..rest.len().min(PAGE)].to_vec();
        page.resize(PAGE, 0);
        page
    });
    if let Some((address, pages)) = file.file().image_extent(index) {
        // SAFETY: the image lives as long as the tests, and the extent is in it.
        let run = unsafe { std::slice::from_raw_parts(address as *const u8, pages as usize * PAGE) };
        let inside = &model[start..(start + run.len()).min(model.len())];
        assert_eq!(run[..inside.len()], *inside);
        assert!(run[inside.len()..].iter().all(|&b| b == 0), "zeros behind the end");
        assert!(start + run.len() < model.len() + PAGE);
    }
    match (page_bytes(file, index, false), expected.filter(|_| start < model.len())) {
        (Some(page), Some(expected)) => assert_eq!(*page, expected),
        (None, None) => {}
        (page, _) => panic!("page {index} of {}: {}", model.len(), page.is_some()),
    }
}

fn step(file: &OpenFile, world: &World, model: &mut Vec<u8>, random: &mut Random) {
    let offset = random.below(60_000);
    let most = if random.below(4) == 0 { 20_000 } else { 300 };
    let length = 1 + random.below(most);
    let end = (offset + length) as usize;
    match random.below(10) {
        0..4 => {
            let bytes = random.bytes(length as usize);
            let n = file.write_at(offset, &mut SliceSource(&bytes), &world.writer()).unwrap();
            assert_eq!(n, bytes.len());
            model.resize(model.len().max(end), 0);
            model[offset as usize..end].copy_from_slice(&bytes);
        }
        4 => {
            file.truncate(offset, &world.writer()).unwrap();
            model.resize(offset as usize, 0);
        }
        5 | 6 => {
            file.allocate(3, offset as i64, length as i64, &world.writer()).unwrap();
            let end = end.min(model.len());
            if let Some(hole) = model.get_mut(offset as usize..end) {
                hole.fill(0);
            }
        }
        7 => {
            let mode = random.below(2) as u32;
            file.allocate(mode, offset as i64, length as i64, &world.writer()).unwrap();
            if mode == 0 {
                model.resize(model.len().max(end), 0);
            }
        }
        8 => {
            file.allocate(16, offset as i64, length as i64, &world.writer()).unwrap();
            model.resize(model.len().max(end), 0);
            model[offset as usize..end].fill(0);
        }
        _ => {
            // A store through a shared mapping.
            let index = random.below(16);
            if let Some(page) = page_bytes(file, index, true) {
                let at = random.below(PAGE as u64) as usize;
                if index as usize * PAGE + at < model.len() {
                    page[at] = 0x5a;
                    model[index as usize * PAGE + at] = 0x5a;
                }
            } else {
                assert!(index as usize * PAGE >= model.len());
            }
        }
    }
}

#[test]
fn random_operations_leave_what_a_vector_would_hold() {
    for seed in 1..=15 {
        let mut random = Random(seed);
        let size = [0, 1, 4096, 5000, 45_000, 49_152][random.below(6) as usize];
        let mut model = random.bytes(size);
        if random.below(2) == 0 {
            let hole = model.len() / 3;
            model[..hole].fill(0);
        }
        let lower = image(&Node::directory(vec![
            ("flat", Node::file(&model)),
            ("inline", Node::inline(&model)),
            ("chunked", Node::chunked(&model)),
        ]));
        let world = World::new(Some(lower));
        let name = ["flat", "inline", "chunked", "new"][random.below(4) as usize];
        let file = world.open(name, O_RDWR | O_CREAT).unwrap();
        if name == "new" {
            model.clear();
        }
        check(&file, &model, &mut random);
        for _ in 0..60 {
            step(&file, &world, &mut model, &mut random);
            check(&file, &model, &mut random);
        }
        assert!(read_all(&file).unwrap() == model, "seed {seed}");
        world.caller().unlink(&world.cwd(), name.as_bytes()).unwrap();
        assert!(world.fs.used_bytes() > 0 || model.is_empty() || read_all(&file).is_ok());
        drop(file);
        assert_eq!(world.fs.used_bytes(), 0, "pages are given back, seed {seed}");
    }
}

#[test]
fn only_written_pages_are_copied() {
    let world = World::new(Some(image(&Node::directory(vec![("file", Node::file(&[1; 40_960]))]))));
    let file = world.open("file", O_RDWR).unwrap();
    assert_eq!(read_all(&file).unwrap().len(), 40_960);
    let (address, pages) = file.file().image_extent(0).unwrap();
    assert_eq!(pages, 10);
    assert_eq!(file.file().page(3, false).unwrap().address(), address + 3 * PAGE);
    assert_eq!(world.fs.used_bytes(), 0);
    file.write_at(5 * 4096 + 7, &mut SliceSource(b"x"), &world.writer()).unwrap();
    assert_eq!(world.fs.used_bytes(), 4096);
    assert_eq!(file.file().image_extent(0), Some((address, 5)));
    assert_eq!(file.file().image_extent(5), None);
    assert_eq!(file.file().image_extent(6), Some((address + 6 * PAGE, 4)));
    // The change stays when nobody refers to the file for a while.
    drop(file);
    let bytes = world.read_all("file").unwrap();
    assert_eq!((bytes[5 * 4096 + 6], bytes[5 * 4096 + 7]), (1, b'x'));
}

#[test]
fn a_bad_address_halfway_gives_a_short_write() {
    let world = World::new(None);
    let file = world.open("f", O_RDWR | O_CREAT).unwrap();
    let bytes = [7; 10_000];
    let mut source = FaultingSource { bytes: &bytes, good: 6000 };
    assert_eq!(file.write(&mut source, &world.writer()), Ok(6000));
    assert_eq!(
        file.write(&mut FaultingSource { bytes: &bytes, good: 0 }, &world.writer()),
        Err(Errno::EFAULT)
    );
    assert_eq!(file.offset(), 6000);
    assert_eq!(file.stat().unwrap().size, 6000);
}

#[test]
fn limits_are_errors_not_panics() {
    let world = World::with_limits(None, Limits { bytes: 10 * 4096, ..LIMITS });
    let file = world.open("f", O_RDWR | O_CREAT).unwrap();
    assert_eq!(world.write(&file, &[1; 50_000]), Ok(40_960));
    assert_eq!(world.write(&file, &[1]), Err(Errno::ENOSPC));
    assert_eq!(file.allocate(0, 0, 1 << 40, &world.writer()), Err(Errno::ENOSPC));
    file.truncate(0, &world.writer()).unwrap();
    let far = i64::MAX as u64;
    assert_eq!(file.write_at(far, &mut SliceSource(b"x"), &world.writer()), Err(Errno::EINVAL));
    assert_eq!(file.write_at(far - 1, &mut SliceSource(b"xy"), &world.writer()), Err(Errno::EINVAL));
    assert_eq!(file.write_at(far - 1, &mut SliceSource(b"x"), &world.writer()), Ok(1));
    assert_eq!(file.stat().unwrap().size, far);
    assert_eq!(file.seek(0, 3), Ok(far / 4096 * 4096));
    assert_eq!(file.seek(0, 4), Ok(0));
    assert_eq!(file.truncate(far + 1, &world.writer()), Err(Errno::EFBIG));
    let limited = crate::fs::open_file::Writer { size_limit: 100, ..world.writer() };
    file.truncate(0, &world.writer()).unwrap();
    assert_eq!(file.write_at(90, &mut SliceSource(&[1; 20]), &limited), Ok(10));
    assert_eq!(file.write_at(100, &mut SliceSource(&[1; 20]), &limited), Err(Errno::EFBIG));
}

#[test]
fn data_and_holes_are_found() {
    let world = World::new(None);
    let file = world.open("f", O_RDWR | O_CREAT).unwrap();
    file.write_at(0x10_0000, &mut SliceSource(&[1; 4096]), &world.writer()).unwrap();
    file.truncate(0x20_0000, &world.writer()).unwrap();
    assert_eq!(file.seek(0, 3), Ok(0x10_0000));
    assert_eq!(file.seek(0x10_0010, 3), Ok(0x10_0010));
    assert_eq!(file.seek(0x10_0010, 4), Ok(0x10_1000));
    assert_eq!(file.seek(0x10_1000, 3), Err(Errno::ENXIO));
    assert_eq!(file.seek(0x20_0000, 4), Err(Errno::ENXIO));
    assert_eq!(file.stat().unwrap().blocks, 8);
}
