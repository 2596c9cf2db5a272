//! The writable layer over damaged images: errors, and nothing worse.

use crate::file::flags::*;
use crate::fs::erofs::Image;
use crate::fs::erofs::testimage::{Node, write};
use crate::fs::testing::{Random, World, leak_aligned};
use crate::user::{SliceSink, SliceSource};

fn sample() -> Vec<u8> {
    write(&Node::directory(vec![
        ("a", Node::directory(vec![("b", Node::file(&[1; 9000])), ("c", Node::directory(vec![]))])),
        ("b", Node::inline(&[2; 5000])),
        ("c", Node::chunked(&[vec![1; 4096], vec![0; 8192], vec![2; 100]].concat())),
        ("l", Node::symlink("a/b")),
    ]))
}

const PATHS: [&str; 9] = ["a", "b", "c", "l", "a/b", "a/c", "a/b/c", "a/c/b", "l/b"];

#[test]
fn random_operations_on_damaged_images_end() {
    let good = sample();
    for seed in 1..=200 {
        let mut random = Random(seed);
        let mut bytes = good.clone();
        for _ in 0..1 + random.below(4) {
            // The inodes, or the directories' blocks.
            let place = if random.below(2) == 0 {
                4096 + random.below(400)
            } else {
                64 * 4096 + random.below(5 * 4096)
            };
            bytes[place as usize] = [0, 1, 2, 0xff, random.next() as u8][random.below(5) as usize];
        }
        let Ok(image) = Image::new(leak_aligned(&bytes)) else { continue };
        let world = World::new(Some(image));
        let (caller, cwd) = (world.caller(), world.cwd());
        for _ in 0..80 {
            let path = PATHS[random.below(9) as usize];
            let other = PATHS[random.below(9) as usize].as_bytes();
            match random.below(9) {
                0 => drop(world.list(path)),
                1 => drop(caller.rename(&cwd, path.as_bytes(), &cwd, other, random.below(3) as u32)),
                2 => drop(caller.unlink(&cwd, path.as_bytes())),
                3 => drop(caller.rmdir(&cwd, path.as_bytes())),
                4 => drop(caller.mkdir(&cwd, path.as_bytes(), 0o755)),
                5 => drop(caller.link(&cwd, path.as_bytes(), &cwd, other, 0)),
                6 => drop(caller.read_link(&cwd, path.as_bytes())),
                _ => {
                    let Ok(file) = world.open(path, O_RDWR | O_CREAT) else { continue };
                    let offset = random.below(20_000);
                    let mut buffer = [0; 5000];
                    let _ = file.read_at(offset, &mut SliceSink::new(&mut buffer));
                    let _ = file.write_at(offset, &mut SliceSource(&buffer), &world.writer());
                    let _ = file.file().page(offset / 4096, random.below(2) == 0);
                    let _ = file.file().image_extent(offset / 4096);
                    let _ = file.allocate(3, offset as i64, 5000, &world.writer());
                    let _ = file.seek(offset as i64, 3 + random.below(2) as u32);
                    let _ = file.stat();
                    if random.below(3) == 0 {
                        let _ = file.truncate(random.below(20_000), &world.writer());
                    }
                }
            }
        }
    }
}
