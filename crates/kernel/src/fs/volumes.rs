//! Volumes: directories and files of the host in the VM's tree of names. What they are like is `ramet_kcore::fs::hostfs`'s; here
//! are their way to the VMM and their mount points.
//!
//! Owners and permission bits are those of the host, as numbers. The kernel checks them against the program's user, and the VMM
//! opens with the rights of the host's user that runs it: an access needs both. `root` in the VM passes the first check only.

use super::caller;
use crate::arch::hypercall;
use crate::boot::records::{Records, Volume};
use crate::mm;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::sync::atomic::Ordering::Acquire;
use ramet_abi::hostfs::{DATA_OFFSET, Request, op};
use ramet_abi::hypercall as number;
use ramet_abi::identity::flag;
use ramet_abi::layout::{DIRECT_MAP, HOSTFS_OFFSET, SHARED_WINDOW, VOLUME_GPA};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::fs::credentials::Credentials;
use ramet_kcore::fs::hostfs::{HostFs, HostTransport};
use ramet_kcore::fs::inode::FileType;
use ramet_kcore::fs::mount::{MS_NODEV, MS_NOSUID, MS_RDONLY, MountName};
use ramet_kcore::fs::ops::FsContext;
use ramet_kcore::fs::path::Path;
use ramet_kcore::sort;
use ramet_kcore::stat::S_IFREG;

/// Device number of volume 0; the others follow.
const FIRST_DEVICE: u64 = 0x1000;
/// Type of file system in /proc/mounts: volumes are most like 9P.
const FILE_SYSTEM: &[u8] = b"9p";

/// Whether files of `device` are the host's.
pub fn is_volume(device: u64) -> bool {
    (FIRST_DEVICE..FIRST_DEVICE + (1 << 32)).contains(&device)
}

/// Whether the VMM lets nothing be written to volumes: this VM is a clone that does not share its parent's.
fn all_read_only() -> bool {
    hypercall::identity().flags.load(Acquire) & flag::VOLUMES_READ_ONLY != 0
}

/// Requests to the VMM.
struct Transport;

impl HostTransport for Transport {
    fn call(&self, request: &mut Request) -> Result<u64> {
        let place = (SHARED_WINDOW + HOSTFS_OFFSET) as *mut Request;
        // SAFETY: the area is shared memory that the VMM touches only during the hypercall; no reference into it exists.
        unsafe { place.write_volatile(*request) };
        let result = hypercall::call(number::HOSTFS, &[]);
        // SAFETY: as above.
        request.stat = unsafe { (&raw const (*place).stat).read_volatile() };
        if result < 0 {
            return Err(Errno(-result as i32));
        }
        if request.operation == op::MAP {
            // Private copies are made through the direct map.
            mm::volumes::show(VOLUME_GPA + result as u64, request.length)?;
        }
        Ok(result as u64)
    }

    fn data_address(&self) -> usize {
        (SHARED_WINDOW + HOSTFS_OFFSET + DATA_OFFSET) as usize
    }

    fn window_address(&self, offset: u64) -> usize {
        (DIRECT_MAP + VOLUME_GPA + offset) as usize
    }

    fn is_read_only(&self) -> bool {
        all_read_only()
    }
}

/// The way to the VMM, for memory that it maps into the volume window.
pub fn transport() -> Rc<dyn HostTransport> {
    Rc::new(Transport)
}

/// Mounts the volumes, outer mount points before inner ones. Mount points that do not exist are made.
///
/// # Errors
/// What is wrong with which volume, for people.
pub fn mount(root: &Path, records: &Records) -> core::result::Result<(), String> {
    let mut volumes: Vec<&Volume> = records.volumes.iter().collect();
    sort::few_by_key(&mut volumes, |volume| components(&volume.path).count());
    for volume in volumes {
        mount_one(root, volume).map_err(|error| {
            format!("volume at {}: {}", String::from_utf8_lossy(&volume.path), error.name())
        })?;
    }
    Ok(())
}

fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|name| !name.is_empty())
}

fn mount_one(root: &Path, volume: &Volume) -> Result<()> {
    if volume.path.first() != Some(&b'/') {
        return Err(Errno::EINVAL);
    }
    let tree = HostFs::root(Rc::new(Transport), FIRST_DEVICE + u64::from(volume.index), volume.index)?;
    let is_directory = tree.attributes()?.file_type == FileType::Directory;
    let place = mount_point(root, &volume.path, is_directory)?;
    let source = format!("volume{}", volume.index);
    let flags = MS_NOSUID | MS_NODEV | if volume.read_only { MS_RDONLY } else { 0 };
    let name = MountName { source: source.as_bytes(), file_system: FILE_SYSTEM, flags };
    super::vfs().namespace.mount(tree, &place, name).map(|_| ())
}

/// The directory or file `path`, which is made if it does not exist, and the directories above it.
fn mount_point(root: &Path, path: &[u8], is_directory: bool) -> Result<Path> {
    let context = FsContext::new(root.clone());
    caller(&context, &Credentials::root(), |caller| {
        let mut sofar = Vec::new();
        let mut rest = components(path).peekable();
        while let Some(name) = rest.next() {
            sofar.push(b'/');
            sofar.extend_from_slice(name);
            match caller.target(root, &sofar, 0) {
                Err(Errno::ENOENT) if rest.peek().is_none() && !is_directory => {
                    caller.mknod(root, &sofar, S_IFREG | 0o644, 0)?;
                }
                Err(Errno::ENOENT) => caller.mkdir(root, &sofar, 0o755)?,
                other => {
                    other?;
                }
            }
        }
        caller.target(root, path, 0)
    })
}

/// In a clone that does not share them, volumes are read-only from now on.
pub fn became_clone() {
    if !all_read_only() {
        return;
    }
    for mount in super::vfs().namespace.mounts() {
        if mount.file_system == FILE_SYSTEM {
            mount.flags.set(mount.flags.get() | MS_RDONLY);
        }
    }
    // Pages that could be written are to be asked for again.
    mm::volumes::forget_pages();
}
