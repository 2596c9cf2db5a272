//! MAP, UNMAP: host files as guest memory, one memory slot each.
//!
//! A slot is not taken away as long as the VM lives, which would cost the guest every page that KVM has mapped for it: it is vacated, and the next
//! mapping of that length comes there.

use super::fid::{Kind, SESSION};
use super::request::Call;
use super::rewind::Mapped as KeptMapping;
use super::{Errno, HostFs};
use ramet_abi::layout::{PAGE_SIZE, VOLUME_GPA, VOLUME_SIZE};
use ramet_kvm::{Slot, Vm};
use ramet_memory::Mapping;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;

/// Most mappings at once: KVM has 32,764 slots, and every one costs it time.
const MOST: usize = 4096;
/// Most vacant slots.
const VACANT_MOST: usize = 64;

#[derive(Debug)]
struct Mapped {
    mapping: Mapping,
    slot: Slot,
    writable: bool,
    /// To compare its size with what is mapped. A descriptor of its own: the fid may be closed. None: the slot is vacant.
    file: Option<File>,
    offset: u64,
    /// It is memory of the session.
    session: bool,
}

/// The volume window.
#[derive(Debug, Default)]
pub struct Window {
    /// By offset in the window.
    mapped: BTreeMap<u64, Mapped>,
}

impl Window {
    /// The lowest gap of `length` bytes, with a free page behind it.
    fn gap(&self, length: u64) -> Option<u64> {
        let mut start = 0;
        for (offset, mapped) in &self.mapped {
            if offset - start >= length + PAGE_SIZE {
                break;
            }
            start = offset + mapped.mapping.length() + PAGE_SIZE;
        }
        (start.checked_add(length)? <= VOLUME_SIZE).then_some(start)
    }

    /// A slot without a file, of that length.
    fn vacant(&self, length: u64, writable: bool) -> Option<u64> {
        let fits = |mapped: &Mapped| {
            mapped.file.is_none() && mapped.writable == writable && mapped.mapping.length() == length
        };
        self.mapped.iter().find(|(_, mapped)| fits(mapped)).map(|(start, _)| *start)
    }

    /// Gives the vacant slot at `start` a file.
    fn settle(&mut self, start: u64, file: File, offset: u64, session: bool) -> Result<u64, Errno> {
        let mapped = self.mapped.get_mut(&start).ok_or(Errno(libc::EINVAL))?;
        mapped.mapping.place(&file, offset, mapped.writable)?;
        (mapped.file, mapped.offset, mapped.session) = (Some(file), offset, session);
        Ok(start)
    }

    /// What is mapped now.
    pub(super) fn keep(&self) -> io::Result<BTreeMap<u64, KeptMapping>> {
        let files = self.mapped.iter().filter_map(|(start, m)| Some((start, m, m.file.as_ref()?)));
        files
            .map(|(start, m, f)| Ok((*start, (m.mapping.length(), m.writable, f.try_clone()?, m.offset))))
            .collect()
    }

    /// Maps that again, and nothing else. False: slots are to be added.
    pub(super) fn rewind(&mut self, kept: &BTreeMap<u64, KeptMapping>) -> io::Result<bool> {
        for (start, mapped) in &mut self.mapped {
            if mapped.file.is_some() && !kept.contains_key(start) {
                mapped.mapping.vacate()?;
                mapped.file = None;
            }
        }
        let mut complete = true;
        for (start, (length, writable, file, offset)) in kept {
            let own = Some(file.try_clone()?);
            match self.mapped.get_mut(start) {
                Some(mapped) if mapped.mapping.length() == *length => {
                    complete &= mapped.writable == *writable;
                    mapped.mapping.place(file, *offset, *writable)?;
                    (mapped.file, mapped.offset, mapped.writable) = (own, *offset, *writable);
                    mapped.session = false;
                }
                _ => {
                    complete = false;
                    let mapping = Mapping::file(file, *offset, *length, *writable)?;
                    let slot = Slot { number: 0, gpa: VOLUME_GPA + start, size: *length };
                    let (writable, offset) = (*writable, *offset);
                    let mapped = Mapped { mapping, slot, writable, file: own, offset, session: false };
                    self.mapped.insert(*start, mapped);
                }
            }
        }
        Ok(complete)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.mapped.values().all(|mapped| mapped.file.is_none())
    }

    /// Each mapping of the session's memory becomes one of what `other` has for its file.
    pub(super) fn exchange(&mut self, mut other: impl FnMut(&File) -> io::Result<File>) -> io::Result<()> {
        for mapped in self.mapped.values_mut().filter(|mapped| mapped.session) {
            let Some(file) = &mapped.file else { continue };
            let other = other(file)?;
            mapped.mapping.place(&other, mapped.offset, mapped.writable)?;
            mapped.file = Some(other);
        }
        Ok(())
    }

    pub(super) fn make_read_only(&mut self) {
        for mapped in self.mapped.values_mut().filter(|mapped| !mapped.session) {
            mapped.writable = false;
        }
    }

    pub(super) fn descriptors(&self) -> impl Iterator<Item = i32> + '_ {
        self.mapped.values().filter_map(|m| m.file.as_ref()).map(std::os::fd::AsRawFd::as_raw_fd)
    }

    pub(super) fn add_slots(&mut self, vm: &mut Vm) -> Result<(), ramet_kvm::Error> {
        self.mapped.retain(|_, mapped| mapped.file.is_some());
        for (offset, mapped) in &mut self.mapped {
            mapped.slot = add_slot(vm, *offset, &mapped.mapping, mapped.writable)?;
        }
        Ok(())
    }

    pub(super) fn missing_page(&self) -> Option<u64> {
        let mut missing = self.mapped.iter().filter_map(|(start, mapped)| {
            let file = mapped.file.as_ref()?;
            let size = file.metadata().map_or(0, |m| m.len()).next_multiple_of(PAGE_SIZE);
            let present = size.saturating_sub(mapped.offset);
            (present < mapped.mapping.length()).then_some(VOLUME_GPA + start + present)
        });
        let first = missing.next()?;
        missing.next().is_none().then_some(first)
    }
}

fn add_slot(vm: &mut Vm, offset: u64, mapping: &Mapping, writable: bool) -> Result<Slot, ramet_kvm::Error> {
    // SAFETY: the mapping is kept in the window until its slot is removed or the VM is gone; nothing refers to it but
    // the guest.
    unsafe { vm.add_slot(VOLUME_GPA + offset, mapping.address(), mapping.length(), !writable) }
}

impl HostFs {
    pub(super) fn map(&mut self, vm: &mut Vm, call: &Call) -> Result<u64, Errno> {
        let (offset, length) = (call.request.offset, call.request.length);
        let aligned = offset.is_multiple_of(PAGE_SIZE) && length.is_multiple_of(PAGE_SIZE);
        if !aligned || length == 0 || length > VOLUME_SIZE || offset.checked_add(length).is_none() {
            return Err(Errno(libc::EINVAL));
        }
        let fid = self.fid(call.request.fid)?;
        if fid.kind != Kind::Regular {
            return Err(Errno(libc::ENODEV));
        }
        let file = fid.readable()?;
        let writable = match call.request.flags {
            0 => false,
            1 => {
                fid.writable().map_err(|_| Errno(libc::EACCES))?;
                self.check_writable(fid)?;
                true
            }
            _ => return Err(Errno(libc::EINVAL)),
        };
        let (file, session) = (file.try_clone()?, fid.volume == SESSION);
        if let Some(start) = self.window.vacant(length, writable) {
            return self.window.settle(start, file, offset, session);
        }
        if self.window.mapped.len() >= MOST {
            return Err(Errno(libc::ENOMEM));
        }
        let mapping = Mapping::file(&file, offset, length, writable)?;
        let start = self.window.gap(length).ok_or(Errno(libc::ENOMEM))?;
        let slot = add_slot(vm, start, &mapping, writable).map_err(|e| Errno::from(e.source))?;
        self.window
            .mapped
            .insert(start, Mapped { mapping, slot, writable, file: Some(file), offset, session });
        Ok(start)
    }

    pub(super) fn unmap(&mut self, vm: &mut Vm, call: &Call) -> Result<u64, Errno> {
        let start = call.request.offset;
        let vacant = self.window.mapped.values().filter(|mapped| mapped.file.is_none()).count();
        let mapped = self.window.mapped.get_mut(&start).filter(|mapped| mapped.file.is_some());
        let mapped = mapped.ok_or(Errno(libc::EINVAL))?;
        if vacant < VACANT_MOST && mapped.mapping.vacate().is_ok() {
            mapped.file = None;
            return Ok(0);
        }
        vm.remove_slot(mapped.slot).map_err(|e| Errno::from(e.source))?;
        self.window.mapped.remove(&start);
        Ok(0)
    }
}
