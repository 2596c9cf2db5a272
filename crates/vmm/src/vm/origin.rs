//! What a clone started as, and the pages that it has written since.
//!
//! ```text
//!   not kept ── written (KVM's log, or this VMM's own writes) ──► kept: its first bytes are here, and it is put back at each reset
//!      ▲                                                            │ unchanged for QUIET resets in a row, or there are too many
//!      └──────────────── KVM protects it again ◄────────────────────┘
//! ```
//!
//! A page that is kept stays writable: a guest that does the same thing after each reset causes no fault and no entry in the log. Its bytes come
//! once from [`Still`], and are compared, and copied, from here on.

use super::{Error, Identity, Still};
use crate::hostfs;
use ramet_abi::layout::{FREE_RAM_GPA, PAGE_SIZE, RAM_GPA, SHARED_GPA, SHARED_SIZE, SPARE_TABLES_GPA};
use ramet_kvm::{CpuState, Vm};
use ramet_memory::{Hard, Mapping, Page, Ram, SharedArea, Tables, Undo, find_tables};
use std::collections::BTreeSet;

/// A page that was not written between so many resets is not kept any more.
const QUIET: u32 = 32;
/// [`Kept::quiet`] of pages that are always kept.
const FOR_EVER: u32 = u32::MAX;
/// Most pages that are kept (128 MiB): those beyond are fetched, and protected, at each reset.
const MOST: usize = 32768;
/// Pages that decide what runs in ring 0: the descriptor tables and the stubs, and the tables through which they are seen. Ring 0 can change of a
/// vCPU what is not looked at otherwise.
const RING0: [u64; 7] = [0x1000, 0x2000, 0x5000, 0x6000, 0x8000, 0x9000, 0xa000];

struct Kept {
    number: u32,
    /// As a page table; 0: it is none.
    level: u8,
    quiet: u32,
    page: Box<Page>,
}

/// See the module's documentation.
pub struct Origin {
    /// The vCPU.
    pub state: CpuState,
    /// Whether it was in the hypercall WAIT.
    pub waits: bool,
    /// What is made anew each time.
    pub first: Option<First>,
    /// By slot: pages that are kept.
    known: Vec<Vec<u64>>,
    kept: Vec<Kept>,
    tables: Option<Tables>,
    /// Guest-physical pages that this VMM has changed beside the shared area.
    own: BTreeSet<u32>,
    /// Pages whose bytes are nobody else's.
    adopted: BTreeSet<u32>,
    /// What some pages were could not be had: what has been noted of them is lost.
    broken: bool,
}

impl std::fmt::Debug for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Origin {{ kept: {} }}", self.kept.len())
    }
}

/// What a VM started with beside its memory.
#[derive(Debug)]
pub struct First {
    /// Who it is.
    pub identity: Identity,
    /// Flags of the identity page.
    pub flags: u64,
    /// Kinds of its standard streams.
    pub kinds: [u32; 3],
    /// What it had open in volumes.
    pub files: hostfs::Kept,
}

/// What a reset is to put back.
#[derive(Debug, Default)]
pub struct Plan {
    /// Pages of which nothing is kept, with their bytes.
    loose: Vec<(u32, Page)>,
    undo: Undo,
    /// The KVM objects cannot go on.
    pub renew: bool,
}

impl Plan {
    /// Whether page tables change.
    pub fn changes_tables(&self) -> bool {
        self.undo.flush
    }
}

/// What was put back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Pages that were not as at the start.
    pub changed: usize,
    /// Pages that are kept.
    pub kept: usize,
}

/// Guest memory by the page.
#[derive(Clone, Copy)]
pub struct Memory<'a> {
    /// RAM.
    pub ram: &'a Ram,
    /// The shared area.
    pub area: &'a SharedArea,
    /// The image.
    pub image: Option<&'a Mapping>,
}

impl<'a> Memory<'a> {
    fn place(&self, number: u32) -> Option<(&'a Mapping, u64)> {
        let gpa = u64::from(number) * PAGE_SIZE;
        if (SHARED_GPA..SHARED_GPA + SHARED_SIZE).contains(&gpa) {
            return Some((self.area.mapping(), gpa - SHARED_GPA));
        }
        let mapping = self.ram.mapping();
        (gpa - RAM_GPA < mapping.length()).then_some((mapping, gpa - RAM_GPA))
    }

    fn page(&self, number: u32) -> Option<Page> {
        let (mapping, offset) = self.place(number)?;
        let mut page = [0; PAGE_SIZE as usize];
        mapping.read(offset, &mut page).ok()?;
        Some(page)
    }
}

impl Origin {
    /// Of a vCPU that is about to run for the first time.
    pub fn new(state: CpuState, waits: bool) -> Self {
        Self {
            state,
            waits,
            first: None,
            known: Vec::new(),
            kept: Vec::new(),
            tables: None,
            own: BTreeSet::new(),
            adopted: BTreeSet::new(),
            broken: false,
        }
    }

    /// This VMM has changed RAM at `offset..offset + length`.
    pub fn note(&mut self, offset: u64, length: u64) {
        let end = offset.saturating_add(length).div_ceil(PAGE_SIZE);
        self.own.extend((offset / PAGE_SIZE..end).map(|page| page as u32));
    }

    /// Has a page be as it is now after each reset to come.
    pub fn adopt(&mut self, memory: Memory<'_>, number: u32) {
        let Some(page) = memory.page(number) else { return };
        self.own.remove(&number);
        self.kept.retain(|kept| kept.number != number);
        // Never quiet: nobody else has these bytes.
        let level = self.level(number);
        self.kept.push(Kept { number, level, quiet: FOR_EVER, page: Box::new(page) });
        self.adopted.insert(number);
    }

    fn is_ring0(&self, number: u32) -> bool {
        let gpa = u64::from(number) * PAGE_SIZE;
        RING0.contains(&gpa) || (SPARE_TABLES_GPA..FREE_RAM_GPA).contains(&gpa) && self.level(number) > 0
    }

    fn level(&self, number: u32) -> u8 {
        self.tables.as_ref().and_then(|tables| tables.get(&number)).copied().unwrap_or(0)
    }

    /// Looks what has been written, and fetches what it was. Nothing of the VM is changed, whatever comes of it.
    pub fn plan(&mut self, vm: &Vm, memory: Memory<'_>, still: &Still) -> Result<Plan, Error> {
        let mut plan = Plan::default();
        if self.broken {
            return Err(Error::Request("what the memory was is gone: make a new clone".into()));
        }
        let mut fresh = self.read_log(vm)?;
        let mut own = std::mem::take(&mut self.own);
        for (word, mut bits) in memory.area.take_written().into_iter().enumerate() {
            while bits != 0 {
                own.insert((SHARED_GPA / PAGE_SIZE) as u32 + word as u32 * 64 + bits.trailing_zeros());
                bits &= bits - 1;
            }
        }
        fresh.extend(own.into_iter().filter(|number| mark(vm, &mut self.known, *number)));
        fresh.retain(|number| self.adopted.is_empty() || !self.adopted.contains(number));
        fresh.sort_unstable();
        let room = MOST.saturating_sub(self.kept.len());
        let mut fetched = fetch(&fresh, memory, still).inspect_err(|_| self.broken = true)?;
        plan.loose = fetched.split_off(fetched.len().min(room));
        let kept =
            |(number, page)| Kept { number, level: self.level(number), quiet: 0, page: Box::new(page) };
        let mut fetched: Vec<Kept> = fetched.into_iter().map(kept).collect();
        self.kept.append(&mut fetched);
        if self.tables.is_none() {
            self.find_tables(memory, &plan);
        }
        plan.renew = fresh.iter().any(|number| self.is_ring0(*number));
        self.compare_tables(memory, &mut plan);
        Ok(plan)
    }

    /// Pages that were written and are not kept, which are taken for kept from now on.
    fn read_log(&mut self, vm: &Vm) -> Result<Vec<u32>, Error> {
        let mut fresh = Vec::new();
        let mut bitmap = Vec::new();
        measure(vm, &mut self.known);
        for (slot, known) in vm.logged().iter().zip(&mut self.known) {
            bitmap.clear();
            bitmap.resize(slot.words(), 0u64);
            vm.read_log(slot, &mut bitmap)?;
            let first = slot.gpa / PAGE_SIZE;
            for (word, (now, known)) in bitmap.iter().zip(known.iter_mut()).enumerate() {
                let mut bits = now & !*known;
                *known |= now;
                while bits != 0 {
                    fresh.push((first + word as u64 * 64 + u64::from(bits.trailing_zeros())) as u32);
                    bits &= bits - 1;
                }
            }
        }
        Ok(fresh)
    }

    fn find_tables(&mut self, memory: Memory<'_>, plan: &Plan) {
        let first: std::collections::BTreeMap<u32, &Page> = self
            .kept
            .iter()
            .map(|kept| (kept.number, &*kept.page))
            .chain(plan.loose.iter().map(|(number, page)| (*number, page)))
            .collect();
        let found =
            find_tables(|number| first.get(&number).map(|page| **page).or_else(|| memory.page(number)));
        // Tables that make no sense: none is known, and each reset is with new KVM objects.
        let tables = found.unwrap_or_default();
        for kept in &mut self.kept {
            kept.level = tables.get(&kept.number).copied().unwrap_or(0);
        }
        self.tables = Some(tables);
    }

    fn compare_tables(&mut self, memory: Memory<'_>, plan: &mut Plan) {
        let tables = self.tables.as_ref();
        plan.renew |= tables.is_none_or(Tables::is_empty);
        plan.renew |= plan.loose.iter().any(|(number, _)| tables.is_some_and(|t| t.contains_key(number)));
        for kept in self.kept.iter_mut().filter(|kept| kept.level > 0) {
            let Some(now) = memory.page(kept.number) else { continue };
            if now != *kept.page
                && plan.undo.table(kept.level, &now, &mut kept.page, &mut |number| memory.page(number))
                    == Err(Hard)
            {
                plan.renew = true;
                return;
            }
        }
        let known = |range: &std::ops::Range<u64>| {
            range.end <= memory.ram.mapping().length()
                || Undo::is_image(range)
                    && memory
                        .image
                        .is_some_and(|image| range.end <= ramet_abi::layout::IMAGE_GPA + image.length())
        };
        plan.renew |= !plan.undo.stale.iter().all(known);
    }

    /// Puts everything back. `Err`: the VM is neither as it was nor as it is to be.
    pub fn put_back(&mut self, vm: &Vm, memory: Memory<'_>, plan: &mut Plan) -> Result<Done, Error> {
        for range in plan.undo.stale.iter().filter(|_| !plan.renew) {
            let length = range.end - range.start;
            let forgotten = match memory.image.filter(|_| Undo::is_image(range)) {
                Some(image) => {
                    image.forget_translations(range.start - ramet_abi::layout::IMAGE_GPA, length, false)
                }
                None => memory.ram.mapping().forget_translations(range.start, length, true),
            };
            forgotten.map_err(Error::host("mprotect of guest memory"))?;
        }
        let mut changed = 0;
        let mut quiet = Vec::new();
        for (index, kept) in self.kept.iter_mut().enumerate() {
            let Some((mapping, offset)) = memory.place(kept.number) else { continue };
            if mapping.put_back(offset, &kept.page)? {
                changed += 1;
                kept.quiet = if kept.quiet == FOR_EVER { FOR_EVER } else { 0 };
            } else if kept.quiet != FOR_EVER {
                kept.quiet += 1;
            }
            let gpa = u64::from(kept.number) * PAGE_SIZE;
            let is_spare_table = kept.level > 0 && (SPARE_TABLES_GPA..FREE_RAM_GPA).contains(&gpa);
            // What is written of these is to be seen each time.
            let is_ring0 = is_spare_table || RING0.contains(&gpa);
            if kept.quiet != FOR_EVER && (kept.quiet >= QUIET || is_ring0) {
                quiet.push(index);
            }
        }
        for (number, page) in &plan.loose {
            if let Some((mapping, offset)) = memory.place(*number) {
                changed += usize::from(mapping.put_back(offset, page)?);
            }
        }
        if plan.renew {
            // KVM's log begins anew, and all memory is as it was.
            self.known.clear();
            self.kept.retain(|kept| kept.quiet == FOR_EVER);
        } else {
            let mut forgotten: Vec<u32> = plan.loose.iter().map(|(number, _)| *number).collect();
            forgotten.extend(quiet.into_iter().rev().map(|index| self.kept.swap_remove(index).number));
            self.protect(vm, &forgotten)?;
        }
        Ok(Done { changed, kept: self.kept.len() })
    }

    /// Has KVM note these pages again.
    fn protect(&mut self, vm: &Vm, pages: &[u32]) -> Result<(), Error> {
        if pages.is_empty() {
            return Ok(());
        }
        for (slot, known) in vm.logged().iter().zip(&mut self.known) {
            let mut bitmap = vec![0u64; slot.words()];
            let first = slot.gpa / PAGE_SIZE;
            for number in pages.iter().map(|number| u64::from(*number)) {
                if let Some(index) = number.checked_sub(first).filter(|index| *index < slot.size / PAGE_SIZE)
                {
                    let bit = 1 << (index % 64);
                    bitmap[(index / 64) as usize] |= bit;
                    known[(index / 64) as usize] &= !bit;
                }
            }
            vm.protect(slot, &bitmap)?;
        }
        Ok(())
    }
}

/// Makes room for a bit for each page of each slot.
fn measure(vm: &Vm, known: &mut Vec<Vec<u64>>) {
    known.resize(vm.logged().len().max(known.len()), Vec::new());
    for (slot, known) in vm.logged().iter().zip(known) {
        known.resize(slot.words(), 0);
    }
}

/// Notes that a page is kept. False: it was already, or is in no slot.
fn mark(vm: &Vm, known: &mut Vec<Vec<u64>>, number: u32) -> bool {
    measure(vm, known);
    for (slot, known) in vm.logged().iter().zip(known) {
        let index = u64::from(number)
            .checked_sub(slot.gpa / PAGE_SIZE)
            .filter(|index| *index < slot.size / PAGE_SIZE);
        if let Some(index) = index {
            let (word, bit) = (&mut known[(index / 64) as usize], 1 << (index % 64));
            let is_new = *word & bit == 0;
            *word |= bit;
            return is_new;
        }
    }
    false
}

/// What these pages, in ascending order, were.
fn fetch(numbers: &[u32], memory: Memory<'_>, still: &Still) -> Result<Vec<(u32, Page)>, Error> {
    const RUN: usize = 64;
    let mut pages = Vec::with_capacity(numbers.len());
    let mut buffer = vec![0u8; RUN * PAGE_SIZE as usize];
    let mut rest = numbers;
    while let Some(first) = rest.first() {
        let run = rest.iter().zip(*first..).take(RUN).take_while(|(number, next)| **number == *next).count();
        let (numbers, later) = rest.split_at(run);
        rest = later;
        let Some((mapping, offset)) = memory.place(*first) else { continue };
        let bytes = &mut buffer[..run * PAGE_SIZE as usize];
        still
            .read(mapping.address() + offset, bytes)
            .map_err(Error::host("what the memory was cannot be read: whoever kept it is gone"))?;
        for (number, page) in numbers.iter().zip(bytes.chunks_exact(PAGE_SIZE as usize)) {
            let mut own = [0; PAGE_SIZE as usize];
            own.copy_from_slice(page);
            pages.push((*number, own));
        }
    }
    Ok(pages)
}
