//! The parts of the model that random calls are compared with: pages, objects, and a file in memory.

use super::machine::image_word;
use crate::errno::{Errno, Result};
use crate::file::{File, Page, PageSource};
use crate::stat::{S_IFREG, Stat};
use crate::user::{Sink, Source};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

/// A file in memory, as tmpfs has it.
pub struct MemoryFile {
    pub source: Rc<dyn PageSource>,
    pub pages: RefCell<HashMap<u64, Rc<dyn Page>>>,
    pub size: Cell<u64>,
    pub inode: u64,
}

impl File for MemoryFile {
    fn read(&self, _: u64, _: &mut dyn Sink, _: u32) -> Result<usize> {
        Err(Errno::EINVAL)
    }
    fn write(&self, _: u64, _: &mut dyn Source, _: u32) -> Result<usize> {
        Err(Errno::EINVAL)
    }
    fn stat(&self) -> Result<Stat> {
        Ok(Stat {
            device: 9,
            inode: self.inode,
            mode: S_IFREG | 0o600,
            size: self.size.get() * 4096,
            ..Stat::default()
        })
    }
    fn page(&self, index: u64, _: bool) -> Result<Rc<dyn Page>> {
        if index >= self.size.get() {
            return Err(Errno::ENXIO);
        }
        if let Some(page) = self.pages.borrow().get(&index) {
            return Ok(page.clone());
        }
        let page = self.source.zeroed()?;
        self.pages.borrow_mut().insert(index, page.clone());
        Ok(page)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// What one page of the program is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Content {
    /// Its own value.
    Own(u64),
    /// Page `1` of object `0`: image file, memory file or shared memory.
    Shared(usize, u64, bool),
    /// Page of an object, private and not yet written.
    Private(usize, u64),
    /// After `MADV_FREE`: this value or zero.
    Either(u64),
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ModelPage {
    pub protection: u8,
    pub content: Content,
}

/// Pages of an object and its size in pages.
pub struct Object {
    pub values: HashMap<u64, u64>,
    pub size: u64,
    pub image: Option<u64>,
}

impl Object {
    pub fn value(&self, page: u64) -> Option<u64> {
        if page >= self.size {
            return None;
        }
        Some(match self.image {
            Some(first) => image_word(first + page),
            None => self.values.get(&page).copied().unwrap_or(0),
        })
    }
}

pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 11
    }
    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
    /// Few pages mostly, many sometimes.
    pub fn pages(&mut self) -> u64 {
        match self.below(8) {
            0 => 1 + self.below(1600),
            1 => 512,
            2..4 => 1 + self.below(80),
            _ => 1 + self.below(8),
        }
    }
}
