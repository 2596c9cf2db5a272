//! The devices that this module drives.

use super::*;
use crate::errno::Errno;
use crate::file::flags::*;
use crate::fs::mount::MountName;
use crate::fs::testing::{HeapPages, LIMITS, World, clock};
use crate::user::SliceSink;
use std::cell::Cell;

#[test]
fn null_zero_full_and_random_behave_as_their_manual_pages_say() {
    let world = World::new(None);
    let next = Cell::new(0u8);
    let fill =
        move |bytes: &mut [u8]| bytes.iter_mut().for_each(|b| *b = next.replace(next.get().wrapping_add(1)));
    let absorbed = Rc::new(Cell::new(0));
    let count = absorbed.clone();
    let absorb = move |bytes: &[u8]| count.set(count.get() + bytes.len());
    let random = Randomness { fill: Rc::new(fill), absorb: Rc::new(absorb) };
    let pages: Rc<dyn PageSource> = Rc::new(HeapPages);
    let (_, root) = build(6, &pages, clock(), LIMITS, random, &world.vfs.devices).unwrap();
    world.caller().mkdir(&world.cwd(), b"dev", 0o755).unwrap();
    let place = world.caller().target(&world.cwd(), b"dev", 0).unwrap();
    world.vfs.namespace.mount(root, &place, MountName::default()).unwrap();

    let read = |path: &str, n: usize| {
        let mut bytes = vec![0xee; n];
        let n = world.open(path, O_RDONLY).unwrap().read(&mut SliceSink::new(&mut bytes)).unwrap();
        bytes.truncate(n);
        bytes
    };
    assert_eq!(read("/dev/null", 10), []);
    assert_eq!(read("/dev/zero", 1000), [0; 1000]);
    assert_eq!(read("/dev/urandom", 300).len(), 300);
    assert_ne!(read("/dev/random", 8), read("/dev/urandom", 8));
    let write = |path: &str| world.write(&world.open(path, O_WRONLY | O_TRUNC).unwrap(), b"abc");
    assert_eq!(write("/dev/null"), Ok(3));
    assert_eq!(write("/dev/full"), Err(Errno::ENOSPC));
    assert_eq!((write("/dev/urandom"), absorbed.get()), (Ok(3), 3));
    assert_eq!(world.open("/dev/tty", O_RDWR).err(), Some(Errno::ENXIO));
    let stat = world.caller().stat(&world.cwd(), b"/dev/null", 0).unwrap();
    assert_eq!((stat.mode, stat.rdev), (0o20666, 0x103));
    assert_eq!(world.caller().read_link(&world.cwd(), b"/dev/stdin").unwrap(), b"/proc/self/fd/0");
}
