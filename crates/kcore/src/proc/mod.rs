//! procfs and the little of sysfs that programs look at (proc(5), sysfs(5)).
//!
//! The kernel implements [`Source`], which gives facts; the formats are made here, field by field as Linux prints them.
//! [`proc_root`] and [`sys_root`] are the root directories to mount. Contents are made when a file is read from
//! its start, so that one open file shows one moment.

pub mod cpu;
pub mod load;
mod maps;
mod node;
mod process;
mod settings;
pub mod source;
mod status;
mod sysfs;
mod system;
mod table;
mod text;
pub mod wire;

pub use source::Source;

use crate::fs::inode::{Clock, Inode};
use crate::fs::procfs::{ProcFs, SYSFS_MAGIC};
use alloc::rc::Rc;

/// The root directory of procfs. `device`: the number that its files show in st_dev; `clock`: the time that they show.
pub fn proc_root(source: Rc<dyn Source>, device: u64, clock: Clock) -> Rc<dyn Inode> {
    ProcFs::root(device, clock, node::entry_node(&source, &table::ROOT))
}

/// The root directory of sysfs.
pub fn sys_root(source: Rc<dyn Source>, device: u64, clock: Clock) -> Rc<dyn Inode> {
    ProcFs::root_of_type(SYSFS_MAGIC, device, clock, node::entry_node(&source, &sysfs::ROOT))
}

#[cfg(test)]
mod tests;
