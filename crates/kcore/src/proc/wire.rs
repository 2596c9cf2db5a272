//! Facts on their way from one VM to another: numbers as 8 bytes, little-endian, lists and bytes after their length. What comes is another VM's word:
//! it is checked for its form, and may say anything.

use super::source::*;
use crate::exec::elf::Protection;
use crate::fs::credentials::Credentials;
use crate::signal::SigSet;
use alloc::rc::Rc;
use alloc::vec::Vec;

/// Most elements of a list.
const LIST_MAX: u64 = 1 << 20;

/// What is left of a message.
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }
}

/// What can travel.
pub trait Wire: Sized {
    /// Appends it.
    fn put(&self, out: &mut Vec<u8>);
    /// Takes it from the front; `None`: that is none.
    fn take(from: &mut Reader<'_>) -> Option<Self>;
}

impl Wire for u64 {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }
    fn take(from: &mut Reader<'_>) -> Option<Self> {
        Some(u64::from_le_bytes(from.bytes(8)?.try_into().ok()?))
    }
}

/// Types that a u64 has room for.
macro_rules! number {
    ($($type:ty),*) => {$(
        impl Wire for $type {
            fn put(&self, out: &mut Vec<u8>) {
                (*self as u64).put(out);
            }
            fn take(from: &mut Reader<'_>) -> Option<Self> {
                Some(u64::take(from)? as $type)
            }
        }
    )*};
}
number!(u32, i32);

impl Wire for bool {
    fn put(&self, out: &mut Vec<u8>) {
        u64::from(*self).put(out);
    }
    fn take(from: &mut Reader<'_>) -> Option<Self> {
        Some(u64::take(from)? != 0)
    }
}

impl Wire for SigSet {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }
    fn take(from: &mut Reader<'_>) -> Option<Self> {
        u64::take(from).map(SigSet)
    }
}

impl Wire for State {
    fn put(&self, out: &mut Vec<u8>) {
        u64::from(self.letter()).put(out);
    }
    fn take(from: &mut Reader<'_>) -> Option<Self> {
        State::of_letter(u64::take(from)? as u8)
    }
}

impl Wire for Vec<u8> {
    fn put(&self, out: &mut Vec<u8>) {
        (self.len() as u64).put(out);
        out.extend_from_slice(self);
    }
    fn take(from: &mut Reader<'_>) -> Option<Self> {
        let length = usize::try_from(u64::take(from)?).ok()?;
        from.bytes(length).map(<[u8]>::to_vec)
    }
}

impl<A: Wire, B: Wire> Wire for (A, B) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }
    fn take(from: &mut Reader<'_>) -> Option<Self> {
        Some((A::take(from)?, B::take(from)?))
    }
}

impl Wire for [(u64, u64); 16] {
    fn put(&self, out: &mut Vec<u8>) {
        self.iter().for_each(|pair| pair.put(out));
    }
    fn take(from: &mut Reader<'_>) -> Option<Self> {
        let mut all = [(0, 0); 16];
        for pair in &mut all {
            *pair = Wire::take(from)?;
        }
        Some(all)
    }
}

impl Wire for Rc<[u32]> {
    fn put(&self, out: &mut Vec<u8>) {
        put_list(self, out);
    }
    fn take(from: &mut Reader<'_>) -> Option<Self> {
        take_list(from).map(Vec::into)
    }
}

/// Appends a list.
pub fn put_list<T: Wire>(list: &[T], out: &mut Vec<u8>) {
    (list.len() as u64).put(out);
    list.iter().for_each(|element| element.put(out));
}

/// Takes a list.
pub fn take_list<T: Wire>(from: &mut Reader<'_>) -> Option<Vec<T>> {
    let count = u64::take(from)?;
    if count > LIST_MAX {
        return None;
    }
    (0..count).map(|_| T::take(from)).collect()
}

/// Structures, field by field.
macro_rules! structure {
    ($type:ident { $($field:ident),* $(,)? }) => {
        impl Wire for $type {
            fn put(&self, out: &mut Vec<u8>) {
                $(self.$field.put(out);)*
            }
            fn take(from: &mut Reader<'_>) -> Option<Self> {
                Some($type { $($field: Wire::take(from)?),* })
            }
        }
    };
}

structure!(Credentials {
    uid,
    euid,
    suid,
    fsuid,
    gid,
    egid,
    sgid,
    fsgid,
    groups,
    effective,
    permitted,
    inheritable,
    bounding,
    ambient,
    keep_capabilities,
    no_new_privileges,
});
structure!(IoFacts { read_bytes, written_bytes, read_calls, write_calls });
structure!(ProcessFacts {
    parent,
    group,
    session,
    terminal,
    terminal_group,
    credentials,
    dumpable,
    umask,
    started,
    user_time,
    system_time,
    children_user_time,
    children_system_time,
    minor_faults,
    major_faults,
    threads,
    pending,
    ignored,
    caught,
    queued,
    limits,
    descriptor_slots,
    nice,
    code,
    data,
    program_break,
    stack_start,
    arguments,
    environment,
    exit_code,
    oom_score_adjustment,
    io,
});
structure!(ThreadFacts {
    name,
    state,
    started,
    user_time,
    system_time,
    pending,
    blocked,
    voluntary_switches,
    involuntary_switches,
});
structure!(MemoryUse {
    size,
    peak_size,
    resident_anonymous,
    resident_file,
    resident_shared,
    peak_resident,
    locked,
    data,
    stack,
    code,
    libraries,
    page_tables,
});
structure!(Protection { read, write, execute });

/// A [`Mapping`] with a name of its own.
pub struct OwnedMapping {
    numbers: [u64; 7],
    protection: Protection,
    shared: bool,
    locked: bool,
    name: Vec<u8>,
}

impl OwnedMapping {
    /// A copy.
    pub fn of(m: &Mapping<'_>) -> OwnedMapping {
        OwnedMapping {
            numbers: [m.start, m.end, m.offset, m.device, m.inode, m.resident, m.anonymous],
            protection: m.protection,
            shared: m.shared,
            locked: m.locked,
            name: m.name.to_vec(),
        }
    }

    /// Bytes that it takes on its way.
    pub fn size(&self) -> usize {
        let numbers = self.numbers.len() + 3 + 2 + 1;
        8 * numbers + self.name.len()
    }

    /// As procfs takes it.
    pub fn mapping(&self) -> Mapping<'_> {
        let [start, end, offset, device, inode, resident, anonymous] = self.numbers;
        let (protection, shared, locked, name) = (self.protection, self.shared, self.locked, &self.name[..]);
        Mapping { start, end, protection, shared, offset, device, inode, name, resident, anonymous, locked }
    }
}

impl Wire for OwnedMapping {
    fn put(&self, out: &mut Vec<u8>) {
        self.numbers.iter().for_each(|number| number.put(out));
        self.protection.put(out);
        self.shared.put(out);
        self.locked.put(out);
        self.name.put(out);
    }
    fn take(from: &mut Reader<'_>) -> Option<Self> {
        let mut numbers = [0; 7];
        for number in &mut numbers {
            *number = u64::take(from)?;
        }
        Some(OwnedMapping {
            numbers,
            protection: Wire::take(from)?,
            shared: Wire::take(from)?,
            locked: Wire::take(from)?,
            name: Wire::take(from)?,
        })
    }
}

/// What a process's own kernel tells of it.
pub struct Portrait {
    /// The process.
    pub process: ProcessFacts,
    /// Its memory.
    pub memory: MemoryUse,
    /// Its threads with their ids, ascending.
    pub threads: Vec<(u32, ThreadFacts)>,
}

impl Wire for Portrait {
    fn put(&self, out: &mut Vec<u8>) {
        self.process.put(out);
        self.memory.put(out);
        put_list(&self.threads, out);
    }
    fn take(from: &mut Reader<'_>) -> Option<Self> {
        Some(Portrait { process: Wire::take(from)?, memory: Wire::take(from)?, threads: take_list(from)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn portrait() -> Portrait {
        let mut process = ProcessFacts::new(Credentials::user(5, 6, &[7, 8]));
        (process.parent, process.terminal_group, process.nice) = (9, -1, -20);
        process.limits[3] = (1, 2);
        let thread =
            ThreadFacts { name: b"a name".to_vec(), state: State::Stopped, ..ThreadFacts::default() };
        Portrait {
            process,
            memory: MemoryUse { size: 77, ..MemoryUse::default() },
            threads: [(11, thread)].into(),
        }
    }

    #[test]
    fn a_portrait_arrives_as_it_was_sent() {
        let mut bytes = Vec::new();
        portrait().put(&mut bytes);
        let mut reader = Reader(&bytes);
        let got = Portrait::take(&mut reader).unwrap();
        assert!(reader.0.is_empty());
        assert_eq!(got.process.credentials, Credentials::user(5, 6, &[7, 8]));
        assert_eq!((got.process.parent, got.process.terminal_group, got.process.nice), (9, -1, -20));
        assert_eq!((got.process.limits[3], got.memory.size), ((1, 2), 77));
        let (tid, thread) = &got.threads[0];
        assert_eq!((*tid, &thread.name[..], thread.state), (11, &b"a name"[..], State::Stopped));
    }

    #[test]
    fn a_mapping_takes_as_much_as_it_says() {
        let protection = Protection { read: true, write: false, execute: true };
        let mapping = Mapping {
            start: 1,
            end: 2,
            protection,
            shared: true,
            offset: 3,
            device: 4,
            inode: 5,
            name: b"[heap]",
            resident: 6,
            anonymous: 7,
            locked: false,
        };
        let mut bytes = Vec::new();
        let owned = OwnedMapping::of(&mapping);
        owned.put(&mut bytes);
        assert_eq!(bytes.len(), owned.size());
        let got = OwnedMapping::take(&mut Reader(&bytes)).unwrap();
        let got = got.mapping();
        assert_eq!((got.start, got.anonymous, got.name, got.protection), (1, 7, &b"[heap]"[..], protection));
    }

    #[test]
    fn what_is_cut_short_or_too_long_is_none() {
        let mut bytes = Vec::new();
        portrait().put(&mut bytes);
        assert!((0..bytes.len()).all(|length| Portrait::take(&mut Reader(&bytes[..length])).is_none()));
        let mut list = Vec::new();
        u64::MAX.put(&mut list);
        assert!(take_list::<u64>(&mut Reader(&list)).is_none());
        assert!(Vec::<u8>::take(&mut Reader(&list)).is_none());
    }
}
