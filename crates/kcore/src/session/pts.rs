//! /dev/pts: the VM's own terminals before there is a session, the session's from then on.

use super::client::Client;
use super::inode::shown;
use crate::errno::{Errno, Result};
use crate::file::File;
use crate::fs::inode::{Attributes, DirectoryEntry, FileType, Inode, SetAttributes, StatFs};
use crate::ipc::tty::slave_inode;
use crate::stat::Stat;
use alloc::format;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::any::Any;
use core::cell::Cell;
use core::str;
use ramet_abi::session::{Request, op};

/// The session, once there is one.
pub type Connection = Rc<dyn Fn() -> Option<Rc<Client>>>;

const NUMBERS: u32 = 3;
const ATTRIBUTES: u32 = 4;
const MOST: u64 = 1 << 16;
/// Left as it is.
const LEFT: u64 = u64::MAX;

/// The root of the file system to mount at /dev/pts, over the one of the VM's own terminals.
pub fn session_pts(own: Rc<dyn Inode>, connection: Connection) -> Rc<dyn Inode> {
    Rc::new(Root { own, connection })
}

struct Root {
    own: Rc<dyn Inode>,
    connection: Connection,
}

struct Slave {
    number: u32,
    /// The last that was heard of it.
    known: Cell<Stat>,
    /// Of the time before the session.
    own: Option<Rc<dyn Inode>>,
    directory: Rc<dyn Inode>,
    connection: Connection,
}

fn ask(client: &Client, number: u32, change: [u64; 3]) -> Result<Stat> {
    let [mode, uid, gid] = change;
    let request = Request {
        operation: op::PTY,
        flags: ATTRIBUTES,
        arguments: [number.into(), mode, uid, gid, 0, 0],
        ..Request::default()
    };
    Ok(Stat { block_size: 1024, ..shown(&client.call(&request, &[])?.stat) })
}

fn numbers(client: &Client) -> Result<Vec<u32>> {
    let request = Request { operation: op::PTY, flags: NUMBERS, wanted: MOST, ..Request::default() };
    let mut data = Vec::new();
    client.call_into(&request, &[], &mut data)?;
    Ok(data.as_chunks().0.iter().map(|number| u32::from_le_bytes(*number)).collect())
}

impl Inode for Root {
    fn id(&self) -> (u64, u64) {
        self.own.id()
    }

    fn attributes(&self) -> Result<Attributes> {
        self.own.attributes()
    }

    fn stat(&self) -> Result<Stat> {
        self.own.stat()
    }

    fn set_attributes(&self, change: &SetAttributes) -> Result<()> {
        self.own.set_attributes(change)
    }

    fn lookup(&self, name: &[u8]) -> Result<Rc<dyn Inode>> {
        let number = str::from_utf8(name).ok().and_then(|text| text.parse::<u32>().ok());
        let Some(number) = number.filter(|number| format!("{number}").as_bytes() == name) else {
            return self.own.lookup(name);
        };
        let (own, known) = match (self.connection)() {
            Some(client) => (None, ask(&client, number, [LEFT; 3])?),
            None => {
                let own = self.own.lookup(name)?;
                let known = own.stat()?;
                (Some(own), known)
            }
        };
        let (directory, connection) = (self.own.clone(), self.connection.clone());
        Ok(Rc::new(Slave { number, known: Cell::new(known), own, directory, connection }))
    }

    fn is_cacheable(&self) -> bool {
        false
    }

    fn read_directory(&self, cookie: u64, emit: &mut dyn FnMut(&DirectoryEntry<'_>) -> bool) -> Result<()> {
        let Some(client) = (self.connection)() else { return self.own.read_directory(cookie, emit) };
        let (inode, file_type) = (self.own.lookup(b"ptmx")?.id().1, FileType::CharacterDevice);
        if cookie == 0 && !emit(&DirectoryEntry { inode, file_type, next: 1, name: b"ptmx" }) {
            return Ok(());
        }
        // Slave n is entry n + 1.
        for number in numbers(&client)?.into_iter().filter(|number| u64::from(*number) + 1 >= cookie) {
            let name = format!("{number}");
            let (inode, next) = (slave_inode(number), u64::from(number) + 2);
            if !emit(&DirectoryEntry { inode, file_type, next, name: name.as_bytes() }) {
                return Ok(());
            }
        }
        Ok(())
    }

    fn open(self: Rc<Self>, flags: u32) -> Result<Rc<dyn File>> {
        self.own.clone().open(flags)
    }

    fn statfs(&self) -> Result<StatFs> {
        self.own.statfs()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Inode for Slave {
    fn id(&self) -> (u64, u64) {
        let known = self.known.get();
        (known.device, known.inode)
    }

    fn attributes(&self) -> Result<Attributes> {
        let stat = self.stat()?;
        Ok(Attributes {
            file_type: FileType::from_mode(stat.mode).ok_or(Errno::EIO)?,
            permissions: stat.mode & 0o7777,
            uid: stat.uid,
            gid: stat.gid,
        })
    }

    /// Of one whose name is gone: what it was.
    fn stat(&self) -> Result<Stat> {
        let now = match ((self.connection)(), &self.own) {
            (Some(client), _) => ask(&client, self.number, [LEFT; 3]),
            (None, Some(own)) => own.stat(),
            (None, None) => Err(Errno::ENOENT),
        };
        // The number may be another terminal's by now, which nobody can tell apart.
        if let Ok(stat) = now {
            self.known.set(stat);
        }
        Ok(self.known.get())
    }

    fn set_attributes(&self, change: &SetAttributes) -> Result<()> {
        let Some(client) = (self.connection)() else {
            return self.own.as_ref().ok_or(Errno::EPERM)?.set_attributes(change);
        };
        let word = |value: Option<u32>| value.map_or(LEFT, u64::from);
        let words = [word(change.permissions), word(change.uid), word(change.gid)];
        if words == [LEFT; 3] && *change != SetAttributes::default() {
            // The keeper keeps no times of terminals.
            return Err(Errno::EPERM);
        }
        self.known.set(ask(&client, self.number, words)?);
        Ok(())
    }

    fn is_cacheable(&self) -> bool {
        false
    }

    fn open(self: Rc<Self>, _: u32) -> Result<Rc<dyn File>> {
        Err(Errno::ENXIO)
    }

    fn statfs(&self) -> Result<StatFs> {
        self.directory.statfs()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
