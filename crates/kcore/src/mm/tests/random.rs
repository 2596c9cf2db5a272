//! Random system calls and accesses against a model that knows nothing but pages.

use super::machine::*;
use super::model::{Content, MemoryFile, ModelPage, Object, Random};
use crate::errno::Errno;
use crate::file::{File, PageSource};
use crate::mm::space::advice;
use crate::mm::{Access, AddressSpace, Fault, FrameSource, map};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

const ARENA: u64 = 0x4000_0000;
const PAGES: u64 = 2048;

struct World {
    space: Space,
    random: Random,
    pages: HashMap<u64, ModelPage>,
    objects: Vec<Object>,
    files: Vec<(usize, Rc<dyn File>)>,
    memory_file: Rc<MemoryFile>,
    stores: u64,
}

impl World {
    fn new(seed: u64, ram: u64) -> World {
        let memory = memory(16 * MIB, ram);
        let source: Rc<dyn PageSource> = Rc::new(FrameSource(memory.clone()));
        let memory_file =
            Rc::new(MemoryFile { source, pages: RefCell::default(), size: Cell::new(64), inode: 77 });
        let mut space = AddressSpace::new(memory, BASE);
        if seed.is_multiple_of(3) {
            space.policy.eager_anonymous = 0;
            space.policy.eager_copy = 0;
            space.policy.eager_image = 0;
        }
        space.policy.preset_accessed = seed.is_multiple_of(2);
        space.policy.preset_dirty = seed % 5 < 3;
        space.policy.zero_in_place = ((seed % 4) * 64) << 10;
        let image = |first, size| Object { values: HashMap::new(), size, image: Some(first) };
        World {
            space,
            random: Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            pages: HashMap::new(),
            objects: vec![
                image(512, 1100),
                image(5000, 40),
                Object { values: HashMap::new(), size: 64, image: None },
            ],
            files: vec![(0, image_file(512, 1100)), (1, image_file(5000, 40)), (2, memory_file.clone())],
            memory_file,
            stores: 0,
        }
    }

    fn place(&mut self, pages: u64) -> u64 {
        let first = match self.random.below(4) {
            0 => self.random.below(4) * 512,
            _ => self.random.below(PAGES),
        };
        first.min(PAGES - pages)
    }

    fn forget(&mut self, page: u64) {
        self.pages.remove(&page);
    }

    fn range(&mut self) -> (u64, u64) {
        let pages = self.random.pages();
        (self.place(pages), pages)
    }

    fn map(&mut self) {
        let (first, pages) = self.range();
        let protection = [0, 1, 3, 3, 3, 5, 7, 2][self.random.below(8) as usize];
        let shared = self.random.below(3) == 0;
        let populate = if self.random.below(8) == 0 { map::POPULATE } else { 0 };
        let flags = map::FIXED | populate | if shared { map::SHARED } else { map::PRIVATE };
        let address = ARENA + first * 4096;
        let file = self.random.below(6) as usize;
        if file >= self.files.len() {
            self.space.mmap(anonymous(address, pages * 4096, protection, flags)).unwrap();
            let object = self.objects.len();
            if shared {
                self.objects.push(Object { values: HashMap::new(), size: pages, image: None });
            }
            for page in 0..pages {
                let content = if shared { Content::Shared(object, page, true) } else { Content::Own(0) };
                self.pages.insert(first + page, ModelPage { protection: protection as u8, content });
            }
            return;
        }
        let (object, file) = self.files[file].clone();
        let offset = self.random.below(20);
        let writable = object == 2 && self.random.below(2) == 0;
        let mut request = file_request(file, pages * 4096, protection, flags, writable);
        (request.address, request.offset) = (address, offset * 4096);
        let result = self.space.mmap(request);
        if shared && protection & 2 != 0 && !writable {
            assert_eq!(result, Err(Errno::EACCES));
            return;
        }
        assert_eq!(result, Ok(address));
        for page in 0..pages {
            let content = match (shared, populate != 0 && protection & 2 != 0) {
                (true, _) => Content::Shared(object, offset + page, writable),
                // Populating a private writable mapping makes the copies.
                (_, true) => match self.space.memory().leaf(address + page * 4096).1 {
                    0 => Content::Private(object, offset + page),
                    leaf if leaf & crate::mm::table::entry::COPY == 0 => {
                        Content::Own(self.objects[object].value(offset + page).unwrap())
                    }
                    _ => Content::Private(object, offset + page),
                },
                _ => Content::Private(object, offset + page),
            };
            self.pages.insert(first + page, ModelPage { protection: protection as u8, content });
        }
    }

    fn protect(&mut self) {
        let (first, pages) = self.range();
        let protection = [0, 1, 3, 3, 5, 7][self.random.below(6) as usize];
        let mut expected = Ok(());
        let mut changed = 0;
        for page in first..first + pages {
            match self.pages.get_mut(&page) {
                None => {
                    expected = Err(Errno::ENOMEM);
                    break;
                }
                Some(p) if matches!(p.content, Content::Shared(_, _, false)) && protection & 2 != 0 => {
                    expected = Err(Errno::EACCES);
                    break;
                }
                Some(_) => changed += 1,
            }
        }
        let result = self.space.mprotect(ARENA + first * 4096, pages * 4096, protection);
        if result == Err(Errno::ENOMEM) && expected != result {
            return; // no frame to split a large page: nothing has changed
        }
        assert_eq!(result, expected);
        for page in first..first + changed {
            self.pages.get_mut(&page).unwrap().protection = protection as u8;
        }
    }

    fn unmap(&mut self) {
        let (first, pages) = self.range();
        if self.space.munmap(ARENA + first * 4096, pages * 4096).is_ok() {
            (first..first + pages).for_each(|p| self.forget(p));
        }
    }

    fn remap(&mut self) {
        let (first, pages) = self.range();
        let new_pages = if self.random.below(3) == 0 { self.random.pages() } else { pages };
        let target = self.place(new_pages);
        let flags = [map::REMAP_MAY_MOVE | map::REMAP_FIXED, 0, 7][self.random.below(3) as usize];
        let Ok(at) = self.space.mremap(
            ARENA + first * 4096,
            pages * 4096,
            new_pages * 4096,
            flags,
            ARENA + target * 4096,
        ) else {
            // What Linux does before it fails is done as well: look at what is left.
            let areas = self.space.areas();
            self.pages.retain(|page, _| areas.find(ARENA + page * 4096).is_some());
            return;
        };
        let at = (at - ARENA) / 4096;
        let old: Vec<ModelPage> = (first..first + pages).map(|p| self.pages[&p]).collect();
        if flags == 0 && new_pages <= pages {
            (first + new_pages..first + pages).for_each(|p| self.forget(p));
            return;
        }
        for page in first..first + pages {
            let origin = self.origin(page);
            match &mut self.pages.get_mut(&page).unwrap().content {
                // Left behind: empty.
                content @ Content::Own(_) | content @ Content::Either(_) if flags == 7 => *content = origin,
                _ if flags == 7 => {}
                _ => {
                    self.pages.remove(&page);
                }
            }
        }
        for page in 0..new_pages {
            let model = old.get(page as usize).copied().unwrap_or_else(|| {
                let last = old[old.len() - 1];
                let content = match last.content {
                    Content::Shared(o, index, w) => {
                        Content::Shared(o, index + page - (old.len() as u64 - 1), w)
                    }
                    _ => self.origin(at + page),
                };
                ModelPage { content, ..last }
            });
            self.pages.insert(at + page, model);
        }
    }

    fn advise(&mut self) {
        let (first, pages) = self.range();
        let what = [
            advice::DONT_NEED,
            advice::DONT_NEED,
            advice::FREE,
            advice::HUGE_PAGE,
            advice::NO_HUGE_PAGE,
            advice::WILL_NEED,
            advice::RANDOM,
            advice::NORMAL,
            advice::POPULATE_READ,
            advice::DONT_DUMP,
        ][self.random.below(10) as usize];
        if what == advice::FREE {
            // One page at a time, since the rest of a range is served where a part is refused.
            let result = self.space.madvise(ARENA + first * 4096, 4096, what);
            if result.is_ok()
                && let Some(page) = self.pages.get_mut(&first)
                && let Content::Own(value) = page.content
            {
                page.content = Content::Either(value);
            }
            return;
        }
        let _ = self.space.madvise(ARENA + first * 4096, pages * 4096, what);
        if what == advice::DONT_NEED {
            for page in first..first + pages {
                let origin = self.origin(page);
                if let Some(p) = self.pages.get_mut(&page)
                    && matches!(p.content, Content::Own(_) | Content::Either(_))
                {
                    p.content = origin;
                }
            }
        }
    }

    /// What a private page goes back to: the areas know (the model does not keep it).
    fn origin(&self, page: u64) -> Content {
        let va = ARENA + page * 4096;
        match self.space.areas().find(va).and_then(|v| v.file_at(va)) {
            None => Content::Own(0),
            Some((mapping, offset)) => {
                let object = match mapping.inode {
                    612 => 0,
                    5100 => 1,
                    _ => 2,
                };
                Content::Private(object, offset / 4096)
            }
        }
    }

    fn touch(&mut self) {
        let page = self.random.below(PAGES);
        for page in page..(page + 1 + self.random.below(4)).min(PAGES) {
            let kind =
                [Access::Read, Access::Write, Access::Write, Access::Execute][self.random.below(4) as usize];
            self.touch_page(page, kind);
        }
    }

    fn touch_page(&mut self, page: u64, kind: Access) {
        self.stores += 1;
        let value = (kind == Access::Write).then_some(self.stores);
        let result = access(&mut self.space, ARENA + page * 4096, kind, value);
        let Some(model) = self.pages.get_mut(&page) else {
            assert_eq!(result, Err(Fault::NotMapped), "page {page}");
            return;
        };
        let allowed = match kind {
            Access::Read => model.protection != 0,
            Access::Write => model.protection & 2 != 0,
            Access::Execute => model.protection & 4 != 0,
        };
        if !allowed {
            assert_eq!(result, Err(Fault::NotAllowed), "page {page} {model:?}");
            return;
        }
        if result == Err(Fault::OutOfMemory) {
            return;
        }
        let old = match model.content {
            Content::Own(value) => Some(value),
            Content::Either(value) => {
                let got = result.unwrap();
                assert!(got == value || got == 0);
                Some(got)
            }
            Content::Shared(object, index, _) | Content::Private(object, index) => {
                self.objects[object].value(index)
            }
        };
        match old {
            None => assert_eq!(result, Err(Fault::BeyondFile), "page {page} {model:?}"),
            Some(old) => {
                assert_eq!(result, Ok(old), "page {page} {model:?} {kind:?}");
                match (value, model.content) {
                    (Some(value), Content::Shared(object, index, _)) => {
                        self.objects[object].values.insert(index, value);
                    }
                    (Some(value), _) => model.content = Content::Own(value),
                    (None, Content::Either(_)) => model.content = Content::Own(old),
                    _ => {}
                }
            }
        }
    }

    fn truncate(&mut self) {
        let size = 16 + self.random.below(64);
        self.memory_file.size.set(size);
        self.memory_file.pages.borrow_mut().retain(|index, _| *index < size);
        self.space.truncated(9, 77, size * 4096);
        self.objects[2].size = size;
        self.objects[2].values.retain(|index, _| *index < size);
        // Private copies behind the end are gone as well.
        let keys: Vec<u64> = self.pages.keys().copied().collect();
        for page in keys {
            if let Content::Private(2, index) = self.origin(page)
                && index >= size
                && let Content::Own(_) = self.pages[&page].content
            {
                self.pages.get_mut(&page).unwrap().content = Content::Private(2, index);
            }
        }
    }

    fn step(&mut self) {
        match self.random.below(40) {
            0..3 => self.map(),
            3..6 => self.protect(),
            6 => self.unmap(),
            7..9 => self.remap(),
            9..12 => self.advise(),
            12 => self.truncate(),
            13 => assert!(self.space.reclaim() < 1 << 20),
            _ => self.touch(),
        }
    }

    fn check_all(&mut self) {
        for page in 0..PAGES {
            let va = ARENA + page * 4096;
            let found = self.space.areas().find(va).map(|v| (v.prot, !v.is_private()));
            let model = self.pages.get(&page);
            assert_eq!(found.map(|f| f.0), model.map(|m| m.protection), "page {page}");
            self.touch_page(page, Access::Read);
        }
        let mut end = 0;
        for vma in self.space.areas().iter() {
            assert!(vma.start >= end && vma.start < vma.end);
            end = vma.end;
        }
    }
}

fn run(seed: u64, ram: u64, steps: u32) {
    let mut world = World::new(seed, ram);
    let free = {
        let s = world.space.memory().statistics();
        s.free + s.limit - s.total
    };
    for _ in 0..steps {
        world.step();
    }
    world.check_all();
    let resident = world.space.resident();
    assert!(resident.total <= resident.entered);
    world.space.clear();
    assert_eq!((world.space.areas().count(), world.space.areas().sizes()), (0, (0, 0)));
    let memory = world.space.memory().clone();
    drop(world);
    // All comes back but the upper page tables, which stay, and the block records of new GiBs.
    let s = memory.statistics();
    let lost = free - (s.free + s.limit - s.total);
    assert!(lost <= 8, "{lost} frames are lost");
}

#[test]
fn random_calls_and_accesses_agree_with_the_model() {
    let from: u64 = std::env::var("RAMET_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    for seed in from..from + count(20) {
        eprintln!("RAMET_SEED={seed}");
        run(seed, 256 * MIB, 400);
    }
}

#[test]
fn random_calls_with_little_memory_agree_with_the_model() {
    let from: u64 = std::env::var("RAMET_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(1001);
    for seed in from..from + count(15) {
        eprintln!("RAMET_SEED={seed}");
        run(seed, 18 * MIB, 400);
    }
}

/// How many seeds to try: `RAMET_SEEDS` for a long run.
fn count(usual: u64) -> u64 {
    std::env::var("RAMET_SEEDS").ok().and_then(|s| s.parse().ok()).unwrap_or(usual)
}
