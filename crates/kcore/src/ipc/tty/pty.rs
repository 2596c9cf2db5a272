//! Pseudo-terminals: pty(7), pts(4).

use super::termios::{Termios, cc, iflag};
use super::{Driver, READABLE, Tty, TtyFile, TtyHost, WRITABLE};
use crate::cell::RefCell;
use crate::errno::{Errno, Result};
use crate::file::File;
use crate::map::Map;
use crate::stat::{S_IFCHR, Stat, makedev};
use crate::user::{Sink, Source, UserMemory};
use crate::wait::{Events, WaitQueue};
use alloc::collections::VecDeque;
use alloc::format;
use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use core::any::Any;
use core::cell::Cell;

/// Bits of the status byte in packet mode (TIOCPKT).
pub(super) const FLUSH_READ: u8 = 1;
pub(super) const FLUSH_WRITE: u8 = 2;
pub(super) const STOP: u8 = 4;
pub(super) const START: u8 = 8;
pub(super) const NO_STOP: u8 = 16;
pub(super) const DO_STOP: u8 = 32;

/// Bytes that wait for the master's reader.
const OUTPUT_LIMIT: usize = 16384;
/// Bytes that the master has written and the line discipline has no room for.
const INCOMING_LIMIT: usize = 16384;
/// Most pseudo-terminals at a time.
pub const MAX_PTYS: u32 = 256;
const CHUNK: usize = 512;

/// Device number of /dev/ptmx.
pub(super) const PTMX: u64 = makedev(5, 2);
/// Major number of the slaves.
pub(super) const PTS_MAJOR: u32 = 136;
/// Inode numbers in /dev/pts: the directory, ptmx, and the first slave.
pub(super) const ROOT_INODE: u64 = 1;
pub(super) const PTMX_INODE: u64 = 2;
pub(super) const FIRST_INODE: u64 = 3;
/// Group `tty` of Debian (mount option gid=5).
const TTY_GROUP: u32 = 5;

/// Inode number of a slave in /dev/pts.
pub const fn slave_inode(number: u32) -> u64 {
    number as u64 + FIRST_INODE
}

/// Device number of a slave.
pub const fn slave_device(number: u32) -> u64 {
    makedev(PTS_MAJOR, number)
}

/// Whether ^S and ^Q have their usual meaning, which packet mode reports.
pub(super) fn does_flow_control(t: &Termios) -> bool {
    t.iflag & iflag::IXON != 0 && t.cc[cc::VSTOP] == 19 && t.cc[cc::VSTART] == 17
}

/// The master's half of the state.
pub(super) struct Link {
    pub number: u32,
    pub output: RefCell<VecDeque<u8>>,
    pub queue: WaitQueue,
    pub locked: Cell<bool>,
    pub master_open: Cell<bool>,
    /// The slave was open and is no longer.
    pub slave_closed: Cell<bool>,
    pub packet: Cell<bool>,
    pub status: Cell<u8>,
}

impl Link {
    pub fn room(&self) -> usize {
        OUTPUT_LIMIT - self.output.borrow().len().min(OUTPUT_LIMIT)
    }

    pub fn emit(&self, bytes: &[u8]) {
        self.output.borrow_mut().extend(bytes);
        self.queue.notify(READABLE);
    }

    pub fn flush_output(&self) {
        self.output.borrow_mut().clear();
    }

    /// Tells the master's reader, in packet mode.
    pub fn report(&self, bits: u8) {
        if self.packet.get() {
            let cleared = match bits {
                STOP => START,
                START => STOP,
                NO_STOP => DO_STOP,
                DO_STOP => NO_STOP,
                _ => 0,
            };
            self.status.set((self.status.get() & !cleared) | bits);
            self.queue.notify(READABLE.or(Events::PRI));
        }
    }
}

/// The pseudo-terminals of a VM: what /dev/ptmx opens and /dev/pts lists.
pub struct Ptys {
    host: Rc<dyn TtyHost>,
    pub(super) device: u64,
    open: RefCell<Map<u32, Weak<Tty>>>,
}

impl Ptys {
    /// None yet. `device`: `st_dev` of their file system, /dev/pts.
    pub fn new(host: Rc<dyn TtyHost>, device: u64) -> Rc<Ptys> {
        Rc::new(Ptys { host, device, open: RefCell::default() })
    }

    /// Opens a new pair: what open(2) of /dev/ptmx does. The slave is locked (unlockpt(3)).
    ///
    /// # Errors
    /// ENOSPC: too many.
    pub fn open_master(self: &Rc<Ptys>) -> Result<Rc<PtyMaster>> {
        let number = (0..MAX_PTYS).find(|number| !self.open.borrow().contains_key(number));
        self.open_master_as(number.ok_or(Errno::ENOSPC)?)
    }

    /// As [`Ptys::open_master`], with that number: the pair has been somewhere else.
    ///
    /// # Errors
    /// EBUSY: there is one with that number; ENOSPC: there cannot be one.
    pub fn open_master_as(self: &Rc<Ptys>, number: u32) -> Result<Rc<PtyMaster>> {
        let mut open = self.open.borrow_mut();
        if number >= MAX_PTYS {
            return Err(Errno::ENOSPC);
        }
        if open.contains_key(&number) {
            return Err(Errno::EBUSY);
        }
        let link = Link {
            number,
            output: RefCell::default(),
            queue: WaitQueue::new(),
            locked: Cell::new(true),
            master_open: Cell::new(true),
            slave_closed: Cell::new(false),
            packet: Cell::new(false),
            status: Cell::new(0),
        };
        let name = format!("/dev/pts/{number}").into_bytes();
        let origin = self.host.origin();
        let stat = Stat {
            device: self.device,
            inode: slave_inode(number),
            mode: S_IFCHR | 0o620,
            uid: origin.uid,
            gid: TTY_GROUP,
            rdev: slave_device(number),
            accessed: origin.now,
            modified: origin.now,
            changed: origin.now,
            created: origin.now,
            ..Stat::default()
        };
        let tty = Tty::new(self.host.clone(), Driver::Pty(link), stat, name);
        open.insert(number, Rc::downgrade(&tty));
        Ok(Rc::new(PtyMaster { tty, ptys: self.clone(), released: Cell::new(false) }))
    }

    /// The slave with this number, if its master is open.
    pub fn get(&self, number: u32) -> Option<Rc<Tty>> {
        self.open.borrow().get(&number)?.upgrade()
    }

    /// The numbers in use, in order: the names in /dev/pts.
    pub fn numbers(&self) -> Vec<u32> {
        self.open.borrow().keys().copied().collect()
    }
}

/// The master side.
pub struct PtyMaster {
    tty: Rc<Tty>,
    ptys: Rc<Ptys>,
    released: Cell<bool>,
}

impl PtyMaster {
    /// The master, if `file` is one.
    pub fn of(file: &dyn File) -> Option<&PtyMaster> {
        file.as_any().downcast_ref()
    }

    /// The slave.
    pub fn tty(&self) -> &Rc<Tty> {
        &self.tty
    }

    /// Opens the slave (TIOCGPTPEER, whose argument is `open_flags`).
    ///
    /// # Errors
    /// As [`Tty::open`].
    pub fn open_peer(&self, open_flags: u32) -> Result<Rc<TtyFile>> {
        self.tty.open(open_flags)
    }

    /// Lets the slave be opened (unlockpt(3)).
    pub fn unlock(&self) {
        self.link().locked.set(false);
    }

    /// The slave's number (TIOCGPTN).
    pub fn number(&self) -> u32 {
        self.link().number
    }

    fn link(&self) -> &Link {
        match &self.tty.driver {
            Driver::Pty(link) => link,
            Driver::Console(_) => unreachable!("a master is made with its link"),
        }
    }

    fn has_status(&self) -> bool {
        self.link().packet.get() && self.link().status.get() != 0
    }
}

impl File for PtyMaster {
    /// # Errors
    /// EAGAIN: nothing was written. EIO: and the slave is closed.
    fn read(&self, _: u64, into: &mut dyn Sink, _: u32) -> Result<usize> {
        let link = self.link();
        let count = into.remaining();
        if count == 0 {
            return Ok(0);
        }
        if self.has_status() {
            return into.put(&[link.status.take()]);
        }
        let bytes: Vec<u8> = {
            let mut output = link.output.borrow_mut();
            if output.is_empty() {
                return Err(if link.slave_closed.get() { Errno::EIO } else { Errno::EAGAIN });
            }
            let packet = link.packet.get();
            let n = output.len().min(count - packet as usize);
            packet.then_some(0).into_iter().chain(output.drain(..n)).collect()
        };
        self.tty.drained();
        into.put(&bytes)
    }

    /// # Errors
    /// EAGAIN: the slave's input is full.
    fn write(&self, _: u64, from: &mut dyn Source, _: u32) -> Result<usize> {
        let mut done = 0;
        while from.remaining() > 0 {
            let room = INCOMING_LIMIT - self.tty.incoming.borrow().len().min(INCOMING_LIMIT);
            let want = from.remaining().min(CHUNK).min(room);
            if want == 0 {
                break;
            }
            let mut chunk = [0; CHUNK];
            let n = match from.take(&mut chunk[..want]) {
                Ok(n) => n,
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            };
            self.tty.incoming.borrow_mut().extend(&chunk[..n]);
            self.tty.pump();
            done += n;
            if n < want {
                break;
            }
        }
        if done == 0 && from.remaining() > 0 { Err(Errno::EAGAIN) } else { Ok(done) }
    }

    fn stat(&self) -> Result<Stat> {
        Ok(Stat {
            mode: S_IFCHR | 0o666,
            inode: PTMX_INODE,
            rdev: PTMX,
            uid: 0,
            gid: 0,
            ..self.tty.stat.get()
        })
    }

    fn poll(&self) -> Events {
        let link = self.link();
        let mut events = Events::NONE;
        if !link.output.borrow().is_empty() {
            events = events.or(READABLE);
        }
        if self.has_status() {
            events = events.or(READABLE).or(Events::PRI);
        }
        if link.slave_closed.get() {
            events = events.or(Events::HUP);
        }
        if self.tty.incoming.borrow().len() < INCOMING_LIMIT {
            events = events.or(WRITABLE);
        }
        events
    }

    fn signalled(&self) -> Events {
        Events::IN
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.link().queue)
    }

    fn ioctl(&self, request: u32, argument: usize, memory: &dyn UserMemory) -> Result<i64> {
        super::ioctl::on_master(self, request, argument, memory)
    }

    fn describe(&self) -> Vec<u8> {
        b"/dev/ptmx".to_vec()
    }

    fn release(&self) {
        if self.released.replace(true) {
            return;
        }
        let link = self.link();
        link.master_open.set(false);
        self.ptys.open.borrow_mut().remove(&link.number);
        self.tty.hang_up();
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Drop for PtyMaster {
    fn drop(&mut self) {
        self.release();
    }
}
