//! Descriptions of objects without a name: those that no descriptor refers to (they lie in a socket, or a thread sleeps on one that another has
//! closed) are found here.

use crate::global::Global;
use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use ramet_kcore::cell::RefCell;
use ramet_kcore::fs::open_file::OpenFile;

struct Registry {
    files: Vec<Weak<OpenFile>>,
    /// Number of entries at which those that are gone are taken out.
    sweep_at: usize,
}

static REGISTRY: Global<RefCell<Registry>> =
    Global::new(RefCell::new(Registry { files: Vec::new(), sweep_at: 64 }));

/// Remembers a description for as long as it is open.
pub fn register(file: &Rc<OpenFile>) {
    let mut registry = REGISTRY.borrow_mut();
    if registry.files.len() >= registry.sweep_at {
        registry.files.retain(|file| file.strong_count() > 0);
        registry.sweep_at = registry.files.len() * 2 + 64;
    }
    registry.files.push(Rc::downgrade(file));
}

/// Those that are open.
pub(super) fn open() -> Vec<Rc<OpenFile>> {
    REGISTRY.borrow().files.iter().filter_map(Weak::upgrade).collect()
}
