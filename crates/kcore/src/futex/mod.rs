//! Wait queues keyed by address: futex(2).
//!
//! The kernel is not preempted, so that comparing the word and queueing, or changing the word and waking, are one step.
//! Waiting itself is the caller's: [`Futexes::wait`] gives it a [`Waiter`], and it sleeps until [`Waiter::is_woken`], a
//! timeout or a signal; then it calls [`Futexes::cancel`].

pub mod pi;
pub mod robust;

use crate::errno::{Errno, Result};
use crate::exec::layout::PROGRAM_END;
use crate::map::Map;
use crate::wait::{Events, Wake};
use alloc::collections::VecDeque;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::Cell;

/// Every bit: what FUTEX_WAIT and FUTEX_WAKE use.
pub const MATCH_ANY: u32 = u32::MAX;

/// Names a word: in an address space for private mappings, in an object for shared ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Key {
    /// Number of the address space or, in numbers of its own, of the shared object.
    pub space: u64,
    /// Address in the space, or offset in the object.
    pub offset: u64,
}

/// Checks a futex's address.
///
/// # Errors
/// EINVAL: not a multiple of 4; EFAULT: not in the program's address space.
pub fn check_address(address: u64) -> Result<()> {
    if !address.is_multiple_of(4) {
        return Err(Errno::EINVAL);
    }
    // As Linux checks it: the end itself passes here, and faults if it is touched.
    if address > PROGRAM_END { Err(Errno::EFAULT) } else { Ok(()) }
}

/// One sleeping thread.
pub struct Waiter {
    key: Cell<Key>,
    bitset: u32,
    woken: Cell<bool>,
    moved: Cell<bool>,
    wake: Rc<dyn Wake>,
}

impl Waiter {
    /// The word that it waits at: not the one that it came to if it was requeued.
    pub fn key(&self) -> Key {
        self.key.get()
    }

    /// Whether its word has another name from now on ([`Futexes::evict_shared`]): it is to wait there, or for nothing.
    pub fn has_moved(&self) -> bool {
        self.moved.get()
    }

    /// Whether somebody has woken it.
    pub fn is_woken(&self) -> bool {
        self.woken.get()
    }
}

/// All sleeping threads of the VM.
#[derive(Default)]
pub struct Futexes {
    queues: Map<Key, VecDeque<Rc<Waiter>>>,
}

impl Futexes {
    /// Nobody sleeps.
    pub const fn new() -> Futexes {
        Futexes { queues: Map::new() }
    }

    /// FUTEX_WAIT and FUTEX_WAIT_BITSET: queues the caller if the word, which `load` reads, is `expected`.
    ///
    /// # Errors
    /// EINVAL: empty bitset; EAGAIN: another value; EFAULT from `load`.
    pub fn wait(
        &mut self,
        key: Key,
        bitset: u32,
        expected: u32,
        load: impl FnOnce() -> Result<u32>,
        wake: Rc<dyn Wake>,
    ) -> Result<Rc<Waiter>> {
        if bitset == 0 {
            return Err(Errno::EINVAL);
        }
        if load()? != expected {
            return Err(Errno::EAGAIN);
        }
        let (woken, moved) = (Cell::new(false), Cell::new(false));
        let waiter = Rc::new(Waiter { key: Cell::new(key), bitset, woken, moved, wake });
        self.queues.get_or_insert_with(key, Default::default).push_back(waiter.clone());
        Ok(waiter)
    }

    /// Ends a wait. True: nobody had woken it (the caller returns ETIMEDOUT or EINTR); false: it was woken (0).
    pub fn cancel(&mut self, waiter: &Rc<Waiter>) -> bool {
        if waiter.woken.get() {
            return false;
        }
        let key = waiter.key.get();
        if let Some(queue) = self.queues.get_mut(&key) {
            queue.retain(|w| !Rc::ptr_eq(w, waiter));
            if queue.is_empty() {
                self.queues.remove(&key);
            }
        }
        true
    }

    /// Takes the waiters to wake out of the queue.
    fn take(&mut self, key: Key, count: i32, bitset: u32) -> Vec<Rc<Waiter>> {
        // Linux wakes one even for a count of 0.
        let count = count.max(1) as usize;
        let mut taken = Vec::new();
        let Some(queue) = self.queues.get_mut(&key) else { return taken };
        queue.retain(|w| {
            let takes = taken.len() < count && w.bitset & bitset != 0;
            if takes {
                taken.push(w.clone());
            }
            !takes
        });
        if queue.is_empty() {
            self.queues.remove(&key);
        }
        taken
    }

    /// FUTEX_WAKE and FUTEX_WAKE_BITSET: wakes up to `count` waiters. Returns how many.
    ///
    /// # Errors
    /// EINVAL: empty bitset.
    pub fn wake(&mut self, key: Key, count: i32, bitset: u32) -> Result<usize> {
        if bitset == 0 {
            return Err(Errno::EINVAL);
        }
        Ok(tell(self.take(key, count, bitset)))
    }

    /// FUTEX_REQUEUE and, with `compare` (expected value, how to read the word), FUTEX_CMP_REQUEUE. Returns how many
    /// were woken or moved.
    ///
    /// # Errors
    /// EINVAL: negative count; EAGAIN: another value; EFAULT.
    pub fn requeue(
        &mut self,
        from: Key,
        to: Key,
        wake: i32,
        requeue: i32,
        compare: Option<(u32, &dyn Fn() -> Result<u32>)>,
    ) -> Result<usize> {
        if wake < 0 || requeue < 0 {
            return Err(Errno::EINVAL);
        }
        if let Some((expected, load)) = compare
            && load()? != expected
        {
            return Err(Errno::EAGAIN);
        }
        let woken = if wake == 0 { Vec::new() } else { self.take(from, wake, MATCH_ANY) };
        let mut done = tell(woken);
        let Some(mut queue) = self.queues.remove(&from) else { return Ok(done) };
        let moved = queue.len().min(requeue as usize);
        done += moved;
        let movers: Vec<_> = queue.drain(..moved).collect();
        if !queue.is_empty() {
            self.queues.insert(from, queue);
        }
        if !movers.is_empty() {
            movers.iter().for_each(|w| w.key.set(to));
            self.queues.get_or_insert_with(to, Default::default).extend(movers);
        }
        Ok(done)
    }

    /// FUTEX_WAKE_OP: `update` replaces the second word by what the given function makes of it and returns the old value.
    /// Returns how many were woken.
    ///
    /// # Errors
    /// ENOSYS: unknown operation or comparison; EFAULT.
    pub fn wake_op(
        &mut self,
        first: Key,
        second: Key,
        wake_first: i32,
        wake_second: i32,
        operation: u32,
        update: impl FnOnce(&dyn Fn(u32) -> u32) -> Result<u32>,
    ) -> Result<usize> {
        let operation = WakeOp::decode(operation)?;
        let old = update(&|value| operation.apply(value))?;
        let mut woken = tell(self.take(first, wake_first, MATCH_ANY));
        if operation.matches(old) {
            woken += tell(self.take(second, wake_second, MATCH_ANY));
        }
        Ok(woken)
    }

    /// Words of shared objects (those whose `space` is not 0) get other names: all who wait at them stop and look again
    /// ([`Waiter::has_moved`]).
    pub fn evict_shared(&mut self) {
        let gone = self.queues.split_off(&Key { space: 1, offset: 0 });
        for waiter in gone.into_values().flatten() {
            waiter.moved.set(true);
            waiter.wake.wake(Events::IN);
        }
    }

    /// Number of sleeping threads.
    pub fn len(&self) -> usize {
        self.queues.values().map(VecDeque::len).sum()
    }

    /// Whether nobody sleeps.
    pub fn is_empty(&self) -> bool {
        self.queues.is_empty()
    }
}

fn tell(waiters: Vec<Rc<Waiter>>) -> usize {
    for waiter in &waiters {
        waiter.woken.set(true);
        waiter.wake.wake(Events::IN);
    }
    waiters.len()
}

/// The encoded operation of FUTEX_WAKE_OP (futex(2)).
pub struct WakeOp {
    operation: u32,
    argument: u32,
    comparison: u32,
    against: i32,
}

impl WakeOp {
    /// Decodes it.
    ///
    /// # Errors
    /// ENOSYS: an unknown operation or comparison.
    pub fn decode(encoded: u32) -> Result<WakeOp> {
        let signed = encoded as i32;
        let argument = signed << 8 >> 20;
        let shift = encoded >> 31 != 0;
        let decoded = WakeOp {
            operation: encoded >> 28 & 7,
            argument: if shift { 1 << (argument & 31) } else { argument as u32 },
            comparison: encoded >> 24 & 15,
            against: signed << 20 >> 20,
        };
        if decoded.operation > 4 || decoded.comparison > 5 { Err(Errno::ENOSYS) } else { Ok(decoded) }
    }

    /// The word's new value.
    pub fn apply(&self, value: u32) -> u32 {
        match self.operation {
            0 => self.argument,
            1 => value.wrapping_add(self.argument),
            2 => value | self.argument,
            3 => value & !self.argument,
            _ => value ^ self.argument,
        }
    }

    /// Whether the second word's waiters are to be woken after this old value.
    pub fn matches(&self, old: u32) -> bool {
        let old = old as i32;
        match self.comparison {
            0 => old == self.against,
            1 => old != self.against,
            2 => old < self.against,
            3 => old <= self.against,
            4 => old > self.against,
            _ => old >= self.against,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) struct Count(pub Cell<u32>);
    impl Wake for Count {
        fn wake(&self, _: Events) {
            self.0.set(self.0.get() + 1);
        }
    }
    pub(crate) fn count() -> Rc<Count> {
        Rc::new(Count(Cell::new(0)))
    }

    const A: Key = Key { space: 1, offset: 0x1000 };
    const B: Key = Key { space: 1, offset: 0x2000 };

    fn sleep(futexes: &mut Futexes, key: Key, bitset: u32) -> Rc<Waiter> {
        futexes.wait(key, bitset, 0, || Ok(0), count()).unwrap()
    }

    #[test]
    fn waits_only_for_the_expected_value() {
        let mut futexes = Futexes::new();
        assert_eq!(futexes.wait(A, 1, 5, || Ok(6), count()).err(), Some(Errno::EAGAIN));
        assert_eq!(futexes.wait(A, 1, 5, || Err(Errno::EFAULT), count()).err(), Some(Errno::EFAULT));
        assert_eq!(futexes.wait(A, 0, 5, || Ok(5), count()).err(), Some(Errno::EINVAL));
        assert!(futexes.is_empty());
        let told = count();
        let waiter = futexes.wait(A, MATCH_ANY, 5, || Ok(5), told.clone()).unwrap();
        assert_eq!(futexes.wake(B, 1, MATCH_ANY), Ok(0));
        assert_eq!(futexes.wake(A, 1, MATCH_ANY), Ok(1));
        assert!(waiter.is_woken() && told.0.get() == 1);
        assert!(!futexes.cancel(&waiter));
        assert_eq!(check_address(2), Err(Errno::EINVAL));
        assert_eq!(check_address(!3), Err(Errno::EFAULT));
    }

    #[test]
    fn wakes_in_order_by_bitset_and_count() {
        let mut futexes = Futexes::new();
        let waiters: Vec<_> = [1, 2, 3, 1].iter().map(|&b| sleep(&mut futexes, A, b)).collect();
        assert_eq!(futexes.wake(A, 1, 2), Ok(1));
        assert!(waiters[1].is_woken() && !waiters[2].is_woken());
        assert_eq!(futexes.wake(A, 2, 1), Ok(2));
        assert!(waiters[0].is_woken() && waiters[2].is_woken());
        assert!(futexes.cancel(&waiters[3]));
        assert!(futexes.is_empty());
        sleep(&mut futexes, A, 1);
        assert_eq!(futexes.wake(A, 0, 1), Ok(1));
    }

    #[test]
    fn requeues() {
        let mut futexes = Futexes::new();
        let waiters: Vec<_> = (0..5).map(|_| sleep(&mut futexes, A, MATCH_ANY)).collect();
        assert_eq!(futexes.requeue(A, B, 1, 1, Some((3, &|| Ok(4)))), Err(Errno::EAGAIN));
        assert_eq!(futexes.requeue(A, B, -1, 1, None), Err(Errno::EINVAL));
        assert_eq!(futexes.requeue(A, B, 1, 2, Some((3, &|| Ok(3)))), Ok(3));
        assert!(waiters[0].is_woken() && !waiters[1].is_woken());
        assert!(futexes.cancel(&waiters[1]));
        assert_eq!(futexes.wake(B, i32::MAX, MATCH_ANY), Ok(1));
        assert!(waiters[2].is_woken());
        assert_eq!(futexes.requeue(A, A, 0, i32::MAX, None), Ok(2));
        assert_eq!(futexes.wake(A, i32::MAX, MATCH_ANY), Ok(2));
        assert!(futexes.is_empty());
    }

    #[test]
    fn shared_words_get_other_names() {
        let mut futexes = Futexes::new();
        let private = Key { space: 0, offset: u64::MAX };
        let (here, there) = (sleep(&mut futexes, private, MATCH_ANY), sleep(&mut futexes, B, MATCH_ANY));
        futexes.evict_shared();
        assert!(there.has_moved() && !there.is_woken() && !here.has_moved());
        assert_eq!((futexes.wake(B, 1, MATCH_ANY), futexes.wake(private, 1, MATCH_ANY)), (Ok(0), Ok(1)));
    }

    #[test]
    fn wake_op_computes() {
        let run = |operation: u32, old: u32| {
            let mut futexes = Futexes::new();
            sleep(&mut futexes, A, MATCH_ANY);
            sleep(&mut futexes, B, MATCH_ANY);
            let word = Cell::new(old);
            let woken = futexes.wake_op(A, B, 1, 1, operation, |f| Ok(word.replace(f(word.get()))));
            woken.map(|n| (n, word.get()))
        };
        let op = |op: u32, cmp: u32, arg: u32, against: u32| {
            op << 28 | cmp << 24 | (arg & 0xfff) << 12 | against & 0xfff
        };
        // glibc's: set to 0, wake the second if the old value was above 1.
        assert_eq!(run(op(0, 4, 0, 1), 2), Ok((2, 0)));
        assert_eq!(run(op(0, 4, 0, 1), 1), Ok((1, 0)));
        assert_eq!(run(op(1, 2, 0xfff, 0), 5), Ok((1, 4)));
        assert_eq!(run(op(2, 1, 8, 0), 1), Ok((2, 9)));
        assert_eq!(run(op(3, 3, 1, 3), 3), Ok((2, 2)));
        assert_eq!(run(op(4, 5, 3, 0xfff), u32::MAX), Ok((2, u32::MAX ^ 3)));
        assert_eq!(run(op(8, 0, 4, 0), 0), Ok((2, 16)));
        assert_eq!(run(op(5, 0, 0, 0), 0), Err(Errno::ENOSYS));
        assert_eq!(run(op(0, 6, 0, 0), 0), Err(Errno::ENOSYS));
    }
}
