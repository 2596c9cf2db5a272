//! Shared mappings before a fork: their memory moves to where both processes see it, and the program does not notice.

use super::begin::{refuse, session_tree};
use crate::fs;
use crate::task::futex;
use crate::task::process::Process;
use alloc::format;
use alloc::rc::Rc;
use alloc::vec::Vec;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::File;
use ramet_kcore::fs::inode::Inode;
use ramet_kcore::fs::memfs::{Node, RegularFile};
use ramet_kcore::mm::space::SharedMemory;
use ramet_kcore::mm::vma::{Backing, FileMapping, property};
use ramet_kcore::session::{Client, SessionInode, SharedFile};

/// A shared mapping of a file that is about to move to the keeper with its file system.
pub(super) struct OfFile {
    mapping: Rc<FileMapping>,
    /// The file.
    pub node: Rc<Node>,
    tree: u64,
}

/// Shared mappings of files of the file systems that move when a session begins.
pub(super) fn of_files(process: &Process) -> Vec<OfFile> {
    let files = process.space.borrow().shared_files();
    let mut found = Vec::new();
    for mapping in files {
        let Some(tree) = session_tree(mapping.device) else { continue };
        let Some(node) = mapping.file.as_any().downcast_ref::<RegularFile>().map(|file| file.node().clone())
        else {
            continue;
        };
        if mapping.is_writable {
            // A file that has no page of its own yet would not be told from the image's.
            let _ = mapping.file.page(0, true);
        }
        found.push(OfFile { mapping, node, tree });
    }
    found
}

/// Their files have moved: the mappings follow.
///
/// # Errors
/// ENOSPC, ENFILE, ENOMEM: not all could.
pub(super) fn follow(client: &Rc<Client>, process: &Process, mapped: Vec<OfFile>) -> Result<()> {
    for OfFile { mapping, node, tree } in mapped {
        let inode = match SessionInode::by_number(client, tree, node.id().1, mapping.name.as_bytes()) {
            Ok(inode) => inode,
            // The image's, as it is: everybody has that.
            Err(Errno::ENOENT) => continue,
            Err(error) => return Err(error),
        };
        replace(process, &mapping, SharedFile::new(&inode)?)?;
    }
    Ok(())
}

fn replace(process: &Process, old: &Rc<FileMapping>, file: Rc<SharedFile>) -> Result<()> {
    let new = Rc::new(old.moved(file));
    process.space.borrow_mut().replace_file(old, &new)?;
    // Whoever waits at a word in there waits for what another VM does.
    futex::words_have_moved();
    Ok(())
}

/// Whether a child gets any part of the mapping.
fn is_inherited(process: &Process, mapping: &Rc<FileMapping>) -> bool {
    process.space.borrow().areas().iter().any(|area| {
        area.flags & property::DONT_FORK == 0
            && matches!(&area.backing, Backing::File { mapping: other, .. } if Rc::ptr_eq(other, mapping))
    })
}

/// Gives the session what is mapped shared and is this VM's alone. `executes`: the child is about to execute a program, and uses nothing of
/// it.
///
/// # Errors
/// EAGAIN: something cannot be shared (a line in the log says what); ENOMEM.
pub(super) fn share(client: &Rc<Client>, process: &Process, executes: bool) -> Result<()> {
    let mappings = process.space.borrow().shared_files();
    for mapping in mappings {
        if !is_inherited(process, &mapping) {
            continue;
        }
        let file: &dyn File = &*mapping.file;
        if let Some(memory) = file.as_any().downcast_ref::<SharedMemory>() {
            if !executes {
                let moved = SharedFile::anonymous(client, memory.size(), &memory.pages());
                let moved = moved.map_err(|error| {
                    refuse(&format!("{} of shared memory: {error:?}", memory.size()));
                    if error == Errno::ENOSPC { Errno::ENOMEM } else { Errno::EAGAIN }
                })?;
                replace(process, &mapping, moved)?;
            }
        } else if mapping.is_writable
            && SharedFile::of(file).is_none()
            && !fs::volumes::is_volume(mapping.device)
        {
            return Err(refuse(&format!("shared memory ({}) cannot be shared yet", mapping.name)));
        }
    }
    Ok(())
}
