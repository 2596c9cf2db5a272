//! Descriptions that come from other VMs, and what is sent to them.

use super::client::Client;
use super::inode::SessionInode;
use super::remote::RemoteFile;
use super::traits::Traits;
use crate::errno::{Errno, Result};
use crate::fields::Fields;
use crate::fs::open_file::OpenFile;
use crate::fs::path::Path;
use crate::ipc::epoll::Epoll;
use crate::ipc::socket::{Credentials, SOL_SOCKET, name};
use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use ramet_abi::session::{Reply, Request, object, op, socket};

/// What the kernel knows of things that every VM has for itself, and of places.
pub trait Foreign {
    /// What is to be said of a description, so that another VM can open the same; `None`: that makes no sense.
    fn describe(&self, file: &OpenFile) -> Option<Vec<u8>>;

    /// Opens what another VM has described; `flags`: those of open(2).
    ///
    /// # Errors
    /// ENXIO, and as open(2).
    fn open(&self, description: &[u8], flags: u32) -> Result<Rc<OpenFile>>;

    /// Where `inode` is; `shown`: the path that it had.
    fn place(&self, inode: Rc<SessionInode>, shown: &[u8]) -> Path;

    /// Who a message that the running thread sends without saying so is from: its real ids.
    fn sender(&self) -> Credentials;

    /// Moves to the keeper what another VM is about to have, too.
    ///
    /// # Errors
    /// EAGAIN: it cannot be.
    fn share(&self, file: &Rc<OpenFile>) -> Result<()>;
}

impl Client {
    /// Says who knows.
    pub fn set_foreign(&self, foreign: Rc<dyn Foreign>) {
        self.foreign.replace(Some(foreign));
    }

    pub(super) fn foreign(&self) -> Result<Rc<dyn Foreign>> {
        self.foreign.borrow().clone().ok_or(Errno::EAGAIN)
    }

    /// The number of a description in the keeper, where it moves if it is not there. What each VM has for itself gets one that stands for it.
    ///
    /// # Errors
    /// EAGAIN: it cannot leave this VM; what the keeper answers.
    pub fn number_of(&self, file: &Rc<OpenFile>) -> Result<u64> {
        if let Some(remote) = file.remote() {
            return Ok(remote.id);
        }
        let foreign = self.foreign()?;
        if let Some(description) = foreign.describe(file) {
            let request = Request { operation: op::STAND_IN, flags: file.flags(), ..Request::default() };
            return Ok(self.call(&request, &description)?.result as u64);
        }
        foreign.share(file)?;
        file.remote().map(|remote| remote.id).ok_or(Errno::EAGAIN)
    }

    /// The stand-ins among `numbers` have been sent.
    ///
    /// # Errors
    /// EIO.
    pub fn sent(&self, files: &[Rc<OpenFile>], numbers: &[u64]) -> Result<()> {
        let stand_ins = files.iter().zip(numbers).filter(|(file, _)| file.remote().is_none());
        let ids: Vec<u8> = stand_ins.flat_map(|(_, id)| id.to_le_bytes()).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let request = Request { operation: op::RELEASE, flags: 1, ..Request::default() };
        self.call(&request, &ids).map(|_| ())
    }

    /// This VM's description of `id`, which the keeper has given to it.
    ///
    /// # Errors
    /// What the keeper answers; ENXIO: what stands for something cannot be opened here.
    pub fn received(self: &Rc<Client>, id: u64) -> Result<Rc<OpenFile>> {
        let known = self.files.borrow().get(&id).and_then(Weak::upgrade);
        if let Some(file) = known.and_then(|known| known.opened()) {
            return Ok(file);
        }
        let names = self.names();
        let request = Request { operation: op::DESCRIBED, id, ..Request::default() };
        let mut shown = Vec::new();
        let reply = self.call_into(&request, &[], &mut shown)?;
        let [flags, kind, node, tree, ..] = reply.values;
        let (mut place, mut inode) = (None, None);
        if node != 0 {
            let answer = Reply { result: node as i64, values: [0; 8], ..reply };
            let found = SessionInode::answered(self, tree, &answer, names)?;
            place = Some(self.foreign()?.place(found.clone(), &shown));
            inode = Some(found);
        }
        let traits = match kind {
            object::FILE => Traits::FILE,
            object::PIPE | object::STREAM => Traits::STREAM,
            object::TERMINAL => Traits::TERMINAL,
            object::SOCKET => self.socket_traits(id)?,
            object::STAND_IN => {
                let opened = self.foreign()?.open(&shown, flags as u32);
                let request = Request { operation: op::RELEASE, flags: 1, ..Request::default() };
                self.call(&request, &id.to_le_bytes())?;
                return opened;
            }
            _ => Traits::EVENT,
        };
        let remote = RemoteFile::new(self, id, traits, inode);
        if kind == object::PIPE {
            remote.set_pipe();
        }
        if kind == object::EPOLL {
            remote.watches_here(&Epoll::new());
        }
        Ok(OpenFile::new(remote, place, flags as u32))
    }

    fn socket_traits(&self, id: u64) -> Result<Traits> {
        let option = |name: i32| {
            let request = Request {
                operation: op::SOCKET_CALL,
                flags: socket::GET_OPTION,
                id,
                arguments: [SOL_SOCKET as u64, name as u64, 4, 0, 0, 0],
                ..Request::default()
            };
            let mut value = Vec::new();
            self.call_into(&request, &[], &mut value)?;
            Fields(&value).u32()
        };
        Ok(RemoteFile::socket_kind(option(name::TYPE)?, option(name::DOMAIN)? as u16))
    }
}
