//! The guest's side of a session, `ramet_kcore::session`, over a channel's real memory.

use super::Harness;
use super::pages::Pages;
use ramet_abi::hostfs;
use ramet_abi::session::{
    CHANNEL_SIZE, Control, Reply, Request, SLEEPERS_OFFSET, TOUCHED_OFFSET, VERSIONS_OFFSET, op,
};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::fs::hostfs::HostTransport;
use ramet_kcore::session::{Client, Local, Transport};
use ramet_keeper::{ClientId, sys};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::ptr::NonNull;
use std::rc::Rc;

/// Memory that the keeper has passed, by fid, as the VMM keeps and maps it; an offset in the window is an address here.
#[derive(Default)]
pub struct Window {
    pub files: RefCell<Vec<Option<OwnedFd>>>,
    pub mapped: Cell<usize>,
    places: RefCell<BTreeMap<u64, (NonNull<u8>, usize)>>,
}

impl HostTransport for Window {
    fn call(&self, request: &mut hostfs::Request) -> Result<u64> {
        match request.operation {
            hostfs::op::MAP => {
                let files = self.files.borrow();
                let file = files[request.fid as usize].as_ref().ok_or(Errno::EBADF)?;
                assert_eq!((request.offset, request.flags), (0, 1));
                let at = sys::map_shared(file.as_fd(), request.length as usize).map_err(|_| Errno::ENOMEM)?;
                self.mapped.set(self.mapped.get() + 1);
                self.places.borrow_mut().insert(at.as_ptr() as u64, (at, request.length as usize));
                Ok(at.as_ptr() as u64)
            }
            hostfs::op::UNMAP => {
                self.mapped.set(self.mapped.get() - 1);
                let (at, length) = self.places.borrow_mut().remove(&request.offset).expect("it is mapped");
                sys::unmap(at, length);
                Ok(0)
            }
            hostfs::op::CLOSE => {
                assert!(self.files.borrow_mut()[request.fid as usize].take().is_some());
                Ok(0)
            }
            other => panic!("request {other}"),
        }
    }
    fn data_address(&self) -> usize {
        unreachable!("no data")
    }
    fn window_address(&self, offset: u64) -> usize {
        offset as usize
    }
}

/// One VM's channel; requests are served at once.
pub struct Direct {
    harness: Rc<RefCell<Harness>>,
    window: Rc<Window>,
    vm: ClientId,
    channel: NonNull<u8>,
}

impl Drop for Direct {
    fn drop(&mut self) {
        sys::unmap(self.channel, CHANNEL_SIZE as usize);
    }
}

impl Transport for Direct {
    fn call(&self, request: &Request, data: &[u8], answer: &mut Vec<u8>) -> Result<Reply> {
        if !self.harness.borrow().vms.contains_key(&self.vm) {
            return Err(Errno::EIO);
        }
        let mut got = self.harness.borrow_mut().ask(self.vm, *request, data);
        let memory =
            request.operation == op::MEMORY || request.operation == op::PIPE_MEMORY && request.flags == 0;
        if memory && got.result >= 0 {
            let mut files = self.window.files.borrow_mut();
            got.result = files.len() as i64;
            files.push(self.harness.borrow_mut().passed.pop());
        }
        answer.extend_from_slice(&got.data);
        let length = got.data.len() as u64;
        Ok(Reply { result: got.result, length, values: got.values, stat: got.stat })
    }
    fn control(&self) -> &Control {
        // SAFETY: the channel is mapped while `self` lives and begins with that page of atomics.
        unsafe { self.channel.cast::<Control>().as_ref() }
    }
    fn touched(&self, index: u64) -> u8 {
        // SAFETY: inside the channel, which is mapped while `self` lives.
        unsafe { self.channel.add((TOUCHED_OFFSET + index) as usize).read_volatile() }
    }
    fn version(&self, slot: u64) -> u32 {
        self.harness.borrow().word(self.vm, VERSIONS_OFFSET + slot * 4)
    }
    fn has_sleepers(&self, slot: u64) -> bool {
        self.harness.borrow().word(self.vm, SLEEPERS_OFFSET + slot * 4) != 0
    }
}

/// The VM's own code for its requests.
pub fn client(harness: &Rc<RefCell<Harness>>, vm: ClientId) -> Rc<Client> {
    client_with(harness, vm, Rc::default())
}

/// As [`client`], with a window that the test looks into.
pub fn client_with(harness: &Rc<RefCell<Harness>>, vm: ClientId, window: Rc<Window>) -> Rc<Client> {
    let memory = harness.borrow().vms[&vm].memory.try_clone().unwrap();
    let channel = sys::map_shared(memory.as_fd(), CHANNEL_SIZE as usize).unwrap();
    let transport = Direct { harness: harness.clone(), window: window.clone(), vm, channel };
    Client::new(Rc::new(transport), Local { image: None, pages: Rc::new(Pages), window: Some(window) })
}
