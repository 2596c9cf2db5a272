//! Locks against a model that knows each byte's holder.

use crate::errno::Errno;
use crate::file::flags::*;
use crate::fs::fd_table::FdTable;
use crate::fs::locks::{LockOwner, LockTable, RangeLock};
use crate::fs::object::ObjectId;
use crate::fs::testing::{Random, World};

const BYTES: u64 = 40;

fn owner(n: u64) -> LockOwner {
    if n == 0 { LockOwner::Description(ObjectId(7)) } else { LockOwner::Process(ObjectId(n)) }
}

#[test]
fn ranges_split_and_join_as_bytes_say() {
    let table = LockTable::default();
    let mut random = Random(5);
    // For each byte and owner: none, read (false) or write (true).
    let mut model = [[None; 3]; BYTES as usize];
    for _ in 0..5000 {
        let who = random.below(3);
        let start = random.below(BYTES);
        let last = start + random.below(BYTES - start);
        let range = start as usize..=last as usize;
        let exclusive = random.below(2) == 0;
        if random.below(3) == 0 {
            table.unlock(owner(who), start, last);
            model[range].iter_mut().for_each(|b| b[who as usize] = None);
        } else {
            let blocked = model[range.clone()].iter().any(|byte| {
                byte.iter()
                    .enumerate()
                    .any(|(w, &held)| w as u64 != who && held.is_some_and(|held: bool| held || exclusive))
            });
            let lock = RangeLock { start, last, exclusive, owner: owner(who), pid: 1 };
            assert_eq!(table.lock(lock), if blocked { Err(Errno::EAGAIN) } else { Ok(()) });
            if !blocked {
                model[range].iter_mut().for_each(|b| b[who as usize] = Some(exclusive));
            }
        }
        let mut shown = [[None; 3]; BYTES as usize];
        let ranges = table.ranges();
        for lock in &ranges {
            let who = (0..3).find(|&n| owner(n) == lock.owner).unwrap() as usize;
            for byte in &mut shown[lock.start as usize..=lock.last as usize] {
                assert_eq!(byte[who].replace(lock.exclusive), None, "no overlap of one owner's ranges");
            }
        }
        assert_eq!(shown, model);
        for (i, a) in ranges.iter().enumerate() {
            let joined = ranges[i + 1..].iter().any(|b| {
                a.owner == b.owner
                    && a.exclusive == b.exclusive
                    && (a.last + 1 == b.start || b.last + 1 == a.start)
            });
            assert!(!joined, "neighbours are joined");
        }
    }
}

#[test]
fn a_circle_of_waiters_is_seen() {
    let table = LockTable::default();
    let lock = |n, start| RangeLock { start, last: start, exclusive: true, owner: owner(n), pid: 1 };
    table.lock(lock(1, 0)).unwrap();
    table.lock(lock(2, 1)).unwrap();
    assert_eq!(table.begin_wait(&lock(1, 1)), Ok(()));
    assert_eq!(table.begin_wait(&lock(2, 0)), Err(Errno::EDEADLK));
    table.end_wait(owner(1));
    assert_eq!(table.begin_wait(&lock(2, 0)), Ok(()));
}

#[test]
fn whole_file_locks_belong_to_the_description() {
    let world = World::new(None);
    let a = world.open("f", O_CREAT | O_RDWR).unwrap();
    let b = world.open("f", O_RDWR).unwrap();
    a.flock(Some(false)).unwrap();
    b.flock(Some(false)).unwrap();
    assert_eq!(a.flock(Some(true)), Err(Errno::EAGAIN));
    drop(b);
    assert_eq!(a.flock(Some(true)), Ok(()));
    let c = world.open("f", O_RDWR).unwrap();
    assert_eq!(c.flock(Some(false)), Err(Errno::EAGAIN));
    drop(a);
    assert_eq!(c.flock(Some(true)), Ok(()));
}

#[test]
fn closing_any_descriptor_releases_the_process_locks() {
    let world = World::new(None);
    let mut table = FdTable::new();
    let mut other = FdTable::new();
    let a = table.insert(world.open("f", O_CREAT | O_RDWR).unwrap(), false, 64).unwrap();
    let b = table.insert(world.open("f", O_RDWR).unwrap(), false, 64).unwrap();
    let c = other.insert(world.open("f", O_RDWR).unwrap(), false, 64).unwrap();
    let inode = table.get(a).unwrap().inode().unwrap().clone();
    let locks = &inode.state().unwrap().locks;
    let lock = |owner| RangeLock { start: 0, last: i64::MAX as u64, exclusive: true, owner, pid: 1 };
    locks.lock(lock(table.lock_owner())).unwrap();
    assert_eq!(locks.lock(lock(other.lock_owner())), Err(Errno::EAGAIN));
    drop(other.close(c));
    assert_eq!(locks.ranges().len(), 1);
    drop(table.close(b));
    assert!(locks.ranges().is_empty());
}
