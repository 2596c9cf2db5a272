//! The descriptor table against a model.

use crate::errno::Errno;
use crate::file::flags::*;
use crate::fs::fd_table::FdTable;
use crate::fs::testing::{Random, World};
use std::collections::BTreeMap;
use std::rc::Rc;

#[test]
fn random_operations_give_the_lowest_free_descriptor() {
    let world = World::new(None);
    let file = world.open("f", O_CREAT | O_RDWR).unwrap();
    let mut random = Random(77);
    let mut table = FdTable::new();
    let mut model: BTreeMap<i32, bool> = BTreeMap::new();
    for _ in 0..5000 {
        let fd = random.below(70) as i32;
        let flag = random.below(2) == 0;
        match random.below(6) {
            0 | 1 => {
                let minimum = if flag { fd } else { 0 };
                let expected = (minimum..64).find(|fd| !model.contains_key(fd));
                let got = table.insert_from(minimum, file.clone(), flag, 64);
                match expected {
                    Some(fd) => assert_eq!(got, Ok(fd)),
                    None => assert_eq!(got, Err(if minimum >= 64 { Errno::EINVAL } else { Errno::EMFILE })),
                }
                if let Ok(fd) = got {
                    model.insert(fd, flag);
                }
            }
            2 => assert_eq!(table.close(fd).is_ok(), model.remove(&fd).is_some()),
            3 => {
                let old = random.below(70) as i32;
                let result = table.duplicate_to(old, fd, flag, 64);
                if !model.contains_key(&old) || fd >= 64 {
                    assert_eq!(result.err(), Some(Errno::EBADF));
                } else {
                    assert_eq!(result.unwrap().is_some(), model.insert(fd, flag).is_some());
                }
            }
            4 if random.below(20) == 0 => {
                let last = fd as u32 + random.below(20) as u32;
                let closed = table.close_range(fd as u32, last, flag).unwrap();
                let range: Vec<i32> = model.range(fd..=last as i32).map(|(fd, _)| *fd).collect();
                for fd in &range {
                    if flag {
                        model.insert(*fd, true)
                    } else {
                        model.remove(fd)
                    };
                }
                assert_eq!(closed.len(), if flag { 0 } else { range.len() });
            }
            _ => assert_eq!(
                table.set_close_on_exec(fd, flag).is_ok(),
                model.get_mut(&fd).map(|v| *v = flag).is_some()
            ),
        }
    }
    let listed: Vec<i32> = table.descriptors(0).map(|(fd, _)| fd).collect();
    assert_eq!(listed, model.keys().copied().collect::<Vec<_>>());
    let child = table.clone();
    drop(table.close_on_exec());
    model.retain(|_, close| !*close);
    assert_eq!(table.descriptors(0).count(), model.len());
    drop((child, table));
    assert_eq!(Rc::strong_count(&file), 1);
    assert_eq!(FdTable::new().get(-1).err(), Some(Errno::EBADF));
}

#[test]
fn a_table_grows_to_a_million() {
    let world = World::new(None);
    let file = world.open("f", O_CREAT | O_RDWR).unwrap();
    let mut table = FdTable::new();
    assert_eq!(table.insert_from(1_048_575, file.clone(), false, u64::MAX), Ok(1_048_575));
    assert_eq!(table.insert_from(1_048_575, file.clone(), false, u64::MAX), Err(Errno::EMFILE));
    assert_eq!(table.insert(file.clone(), false, 1024), Ok(0));
    assert_eq!(table.insert(file, false, 1024), Ok(1));
}

#[test]
fn a_duplicate_shares_the_offset_and_a_second_open_does_not() {
    let world = World::new(None);
    world.create("f", b"0123456789").unwrap();
    let mut table = FdTable::new();
    let a = table.insert(world.open("f", O_RDONLY).unwrap(), false, 64).unwrap();
    table.duplicate_to(a, 9, false, 64).unwrap();
    let b = table.insert(world.open("f", O_RDONLY).unwrap(), false, 64).unwrap();
    table.get(a).unwrap().seek(4, 0).unwrap();
    assert_eq!(table.get(9).unwrap().offset(), 4);
    assert_eq!(table.get(b).unwrap().offset(), 0);
    assert_ne!(table.get(a).unwrap().id, table.get(b).unwrap().id);
    assert_eq!(table.get(9).unwrap().seek(-5, 1), Err(Errno::EINVAL));
    assert_eq!(table.get(9).unwrap().seek(i64::MAX, 1), Err(Errno::EINVAL));
    assert_eq!(table.get(9).unwrap().seek(-3, 2), Ok(7));
}
