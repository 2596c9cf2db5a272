//! Generated files, changing directories, magic links.

use super::*;
use crate::errno::Errno;
use crate::file::flags::*;
use crate::fs::anonymous;
use crate::fs::mount::MountName;
use crate::fs::ops::OpenHow;
use crate::fs::testing::World;
use crate::user::SliceSink;
use std::cell::{Cell, RefCell};

/// The directory of descriptors: lists `10`, `20` ... and leads to open files.
struct Descriptors(RefCell<Vec<(u64, Rc<crate::fs::open_file::OpenFile>)>>);

impl ProcDirectory for Descriptors {
    fn lookup(&self, name: &[u8]) -> Option<ProcNode> {
        let number: u64 = std::str::from_utf8(name).ok()?.parse().ok()?;
        let open = self.0.borrow().iter().find(|(n, _)| *n == number)?.1.clone();
        Some(ProcNode::magic(move || Ok(anonymous::place(&open))).owner(5, 6))
    }
    fn list(&self, cookie: u64) -> Vec<ProcName> {
        let all = self.0.borrow();
        let shown = all.iter().filter(|(n, _)| *n >= cookie).take(2);
        shown
            .map(|(n, _)| ProcName { cookie: *n, name: n.to_string().into(), file_type: FileType::Symlink })
            .collect()
    }
}

fn world() -> (World, Rc<Descriptors>, Rc<Cell<u32>>) {
    let world = World::new(None);
    let (descriptors, count) = (Rc::new(Descriptors(RefCell::default())), Rc::new(Cell::new(0)));
    let (counter, setter) = (count.clone(), count.clone());
    let tree = Tree::new()
        .with(
            "count",
            ProcNode::control(
                move |out| {
                    counter.set(counter.get() + 1);
                    out.extend_from_slice(format!("reading number {}\n", counter.get()).as_bytes());
                    Ok(())
                },
                move |bytes| {
                    let text = std::str::from_utf8(bytes).map_err(|_| Errno::EINVAL)?;
                    setter.set(text.trim().parse().map_err(|_| Errno::EINVAL)?);
                    Ok(())
                },
            ),
        )
        .with("self", ProcNode::symlink(|| Ok(b"1".to_vec())))
        .with("1", Tree::new().with("fd", ProcNode::directory(descriptors.clone())).node());
    world.caller().mkdir(&world.cwd(), b"proc", 0o755).unwrap();
    let place = world.caller().target(&world.cwd(), b"proc", 0).unwrap();
    let name = MountName { source: b"proc", file_system: b"proc", flags: 0 };
    let root = ProcFs::root(9, Rc::new(|| 0), tree.node());
    world.vfs.namespace.mount(root, &place, name).unwrap();
    (world, descriptors, count)
}

#[test]
fn text_is_made_at_offset_zero_and_then_stays() {
    let (world, _, count) = world();
    let file = world.open("/proc/count", O_RDWR).unwrap();
    let read = |n: usize| {
        let mut bytes = vec![0; n];
        let n = file.read(&mut SliceSink::new(&mut bytes)).unwrap();
        String::from_utf8(bytes[..n].to_vec()).unwrap()
    };
    assert_eq!(read(8), "reading ");
    count.set(50);
    assert_eq!(read(100), "number 1\n");
    assert_eq!(read(100), "");
    file.seek(0, 0).unwrap();
    assert_eq!(read(100), "reading number 51\n");
    assert_eq!(world.write(&file, b"7\n"), Ok(2));
    assert_eq!(world.write(&file, b"x"), Err(Errno::EINVAL));
    assert_eq!(world.read_all("/proc/count").unwrap(), b"reading number 8\n");
}

#[test]
fn changing_directories_are_listed_and_looked_up_anew() {
    let (world, descriptors, _) = world();
    world.create("/f", b"content").unwrap();
    assert_eq!(world.list("/proc/self/fd").unwrap(), [".", ".."]);
    for n in [10, 20, 30] {
        descriptors.0.borrow_mut().push((n, world.open("/f", O_RDONLY).unwrap()));
    }
    assert_eq!(world.list("/proc/self/fd").unwrap(), [".", "..", "10", "20", "30"]);
    assert_eq!(world.read_all("/proc/self/fd/20").unwrap(), b"content");
    assert_eq!(world.caller().read_link(&world.cwd(), b"/proc/self/fd/20").unwrap(), b"/f");
    descriptors.0.borrow_mut().remove(1);
    assert_eq!(world.open("/proc/self/fd/20", 0).err(), Some(Errno::ENOENT));
}

#[test]
fn a_magic_link_leads_to_an_unlinked_file() {
    let (world, descriptors, _) = world();
    world.create("/f", b"content").unwrap();
    descriptors.0.borrow_mut().push((3, world.open("/f", O_RDONLY).unwrap()));
    world.caller().unlink(&world.cwd(), b"/f").unwrap();
    assert_eq!(world.read_all("/proc/self/fd/3").unwrap(), b"content");
    assert_eq!(world.caller().read_link(&world.cwd(), b"/proc/self/fd/3").unwrap(), b"/f (deleted)");
    let how = OpenHow { flags: O_RDONLY, mode: 0, resolve: crate::fs::resolve::RESOLVE_NO_MAGICLINKS };
    let refused = world.caller().open(&world.cwd(), b"/proc/self/fd/3", how);
    assert_eq!(refused.err(), Some(Errno::ELOOP));
}
