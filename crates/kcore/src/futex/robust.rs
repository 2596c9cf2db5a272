//! Robust futexes: what the kernel does to a dying thread's locks (set_robust_list(2); Linux: `exit_robust_list`).

use super::check_address;
use crate::errno::{Errno, Result};
use crate::user::UserMemory;

/// Bytes of `struct robust_list_head`.
pub const HEAD_SIZE: usize = 24;
/// Somebody sleeps on the lock.
pub const WAITERS: u32 = 0x8000_0000;
/// The owner died while it held the lock.
pub const OWNER_DIED: u32 = 0x4000_0000;
/// The owner's thread id.
pub const TID_MASK: u32 = 0x3fff_ffff;
/// Longest list that is walked.
const LIMIT: usize = 2048;

/// Reads a futex word.
///
/// # Errors
/// EINVAL, EFAULT.
pub fn load(memory: &dyn UserMemory, address: u64) -> Result<u32> {
    check_address(address)?;
    let mut word = [0; 4];
    memory.read(address as usize, &mut word)?;
    Ok(u32::from_le_bytes(word))
}

/// Writes a futex word.
///
/// # Errors
/// EINVAL, EFAULT.
pub fn store(memory: &dyn UserMemory, address: u64, value: u32) -> Result<()> {
    check_address(address)?;
    memory.write(address as usize, &value.to_le_bytes())
}

/// Walks the list of thread `tid`, whose head is at `head`, and marks its locks. `wake` is called with the address of each lock that
/// one waiter is to be woken at; `wake_pi` with that of each priority-inheritance lock to be handed on.
/// The list is the program's, so that anything may be wrong with it: the walk ends at the first bad address.
pub fn exit(
    memory: &dyn UserMemory,
    head: u64,
    tid: u32,
    wake: &mut dyn FnMut(u64),
    wake_pi: &mut dyn FnMut(u64),
) {
    let _ = walk(memory, head, tid, wake, wake_pi);
}

fn walk(
    memory: &dyn UserMemory,
    head: u64,
    tid: u32,
    wake: &mut dyn FnMut(u64),
    wake_pi: &mut dyn FnMut(u64),
) -> Result<()> {
    let long = |at: u64| {
        let mut word = [0; 8];
        memory.read(usize::try_from(at).map_err(|_| Errno::EFAULT)?, &mut word)?;
        Ok(u64::from_le_bytes(word))
    };
    let mut entry = long(head)?;
    let offset = long(head.wrapping_add(8))?;
    let pending = long(head.wrapping_add(16))?;
    let mut died = |entry: u64, is_pending: bool| -> Result<()> {
        let address = (entry & !1).wrapping_add(offset);
        let (pi, mut value) = (entry & 1 != 0, load(memory, address)?);
        if is_pending && !pi && value & TID_MASK == 0 {
            // It died between unlocking and waking.
            wake(address);
        }
        // Others may be about to say that they wait.
        while value & TID_MASK == tid {
            let marked = value & WAITERS | OWNER_DIED;
            let seen = memory.exchange_word(address as usize, value, marked)?;
            if seen == value {
                if value & WAITERS != 0 {
                    if pi { wake_pi(address) } else { wake(address) }
                }
                break;
            }
            value = seen;
        }
        Ok(())
    };
    for _ in 0..LIMIT {
        if entry & !1 == head {
            break;
        }
        // First the next one: the entry may vanish once its lock is free.
        let next = long(entry & !1);
        if entry & !1 != pending & !1 {
            died(entry, false)?;
        }
        entry = next?;
    }
    if pending & !1 != 0 { died(pending, true) } else { Ok(()) }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::cell::RefCell;

    /// Words of 8 bytes from address 0x1000.
    pub(crate) struct Memory(pub RefCell<Vec<u8>>);
    impl Memory {
        pub(crate) fn new(words: &[(u64, u64)]) -> Memory {
            let memory = Memory(RefCell::new(vec![0; 0x1000]));
            for (at, value) in words {
                memory.write(*at as usize, &value.to_le_bytes()).unwrap();
            }
            memory
        }
    }
    impl UserMemory for Memory {
        fn read(&self, from: usize, to: &mut [u8]) -> Result<()> {
            let from = from.checked_sub(0x1000).ok_or(Errno::EFAULT)?;
            to.copy_from_slice(self.0.borrow().get(from..from + to.len()).ok_or(Errno::EFAULT)?);
            Ok(())
        }
        fn write(&self, to: usize, from: &[u8]) -> Result<()> {
            let to = to.checked_sub(0x1000).ok_or(Errno::EFAULT)?;
            self.0.borrow_mut().get_mut(to..to + from.len()).ok_or(Errno::EFAULT)?.copy_from_slice(from);
            Ok(())
        }
    }

    fn walked(memory: &Memory) -> (Vec<u64>, Vec<u64>) {
        let (mut woken, mut handed) = (Vec::new(), Vec::new());
        exit(memory, 0x1000, 7, &mut |a| woken.push(a), &mut |a| handed.push(a));
        (woken, handed)
    }

    #[test]
    fn marks_its_own_locks() {
        let waiting = u64::from(7 | WAITERS);
        let memory = Memory::new(&[
            (0x1000, 0x1100),
            (0x1008, 8),
            (0x1010, 0x1400),
            (0x1100, 0x1200),
            (0x1108, 7),
            (0x1200, 0x1301),
            (0x1208, waiting),
            (0x1300, 0x1000),
            (0x1308, waiting),
            (0x1408, 0),
        ]);
        assert_eq!(walked(&memory), (vec![0x1208, 0x1408], vec![0x1308]));
        assert_eq!(load(&memory, 0x1108), Ok(OWNER_DIED));
        assert_eq!(load(&memory, 0x1208), Ok(OWNER_DIED | WAITERS));
    }

    #[test]
    fn others_locks_and_bad_lists_are_left_alone() {
        let memory = Memory::new(&[(0x1000, 0x1100), (0x1008, 8), (0x1100, 0x1000), (0x1108, 8)]);
        assert_eq!(walked(&memory), (vec![], vec![]));
        assert_eq!(load(&memory, 0x1108), Ok(8));
        // A loop, a wild pointer, an odd offset.
        for (next, offset) in [(0x1100u64, 8u64), (u64::MAX, 8), (0x1100, 3), (0, u64::MAX)] {
            let memory = Memory::new(&[(0x1000, 0x1100), (0x1008, offset), (0x1100, next), (0x1010, next)]);
            let _ = walked(&memory);
        }
        exit(&memory, 0, 7, &mut |_| panic!(), &mut |_| panic!());
        exit(&memory, u64::MAX, 7, &mut |_| panic!(), &mut |_| panic!());
    }
}
