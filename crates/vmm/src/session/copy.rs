//! A VM's part in a copy of its session (docs/decisions/0018-clone-of-sessions.md): what its VMM and the keepers tell each other.
//!
//! ```text
//!   first VMM   COPY ──────────────────────────────────────► SPLIT ─ fork(2) ─► FORKED ─────────► GO     copies: HELLO ─► GO
//!   the others       HOLD ─► (stops its vCPU) ─► HELD ─► SPLIT ─ fork(2) ─► FORKED ─────────► GO        (to the copy's keeper)
//! ```

use super::{Gone, Life, Session};
use crate::message::{self, Received};
use ramet_abi::session::message as packet;
use ramet_memory::Channel;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// What the keeper wants a VM to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Which copy it is for.
    round: u8,
    /// Nobody goes on.
    pub for_good: bool,
}

impl Hold {
    fn of(message: &[u8]) -> Option<Self> {
        match message {
            [packet::HOLD, round, for_good] => Some(Self { round: *round, for_good: *for_good != 0 }),
            _ => None,
        }
    }
}

/// Where a copy's VM belongs.
#[derive(Debug)]
pub struct Place {
    /// Which copy it is.
    pub round: u8,
    memory: File,
    socket: OwnedFd,
    life: OwnedFd,
    /// The copy's standard error.
    pub error: OwnedFd,
    /// Volumes stay writable.
    pub share_volumes: bool,
    /// Limit of RAM, if it is another.
    pub memory_limit: Option<u64>,
}

/// What a VM that stands still is told.
#[derive(Debug)]
pub enum Word {
    /// Make a copy.
    Split(Box<Place>),
    /// Go on. To whom has asked for a copy: why there is none.
    Go(Option<String>),
}

/// How the wait for the beginning of a copy ended otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoCopy {
    /// Nobody is to hear of it: whoever has asked for a copy is told.
    Aborted,
    /// The copy's keeper is gone.
    Gone,
}

impl Session {
    /// The next message of the keeper that is not to be answered at once.
    fn receive(&self, buffer: &mut [u8]) -> Result<Received, Gone> {
        loop {
            match message::receive(self.socket.as_fd(), buffer, 0) {
                Ok(received) if received.count > 0 => return Ok(received),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                _ => return Err(Gone),
            }
        }
    }

    /// The answer to something else than a request to stand still, which is kept for later.
    pub(super) fn answer(&self, buffer: &mut [u8; 3]) -> Result<Received, Gone> {
        loop {
            let received = self.receive(buffer)?;
            match Hold::of(&buffer[..received.count]) {
                Some(hold) => self.hold.set(Some(hold)),
                None => return Ok(received),
            }
        }
    }

    /// Whether the keeper wants this VM to stand still. It sends a kick as well.
    pub fn is_to_hold(&self) -> bool {
        let mut buffer = [0; 3];
        if !self.first
            && self.hold.get().is_none()
            && let Ok(received) = message::receive(self.socket.as_fd(), &mut buffer, libc::MSG_DONTWAIT)
        {
            self.hold.set(Hold::of(&buffer[..received.count]));
        }
        self.hold.get().is_some()
    }

    /// Takes the note of [`Session::is_to_hold`].
    pub fn take_hold(&self) -> Option<Hold> {
        self.hold.take()
    }

    fn tell(&self, bytes: &[u8]) -> Result<(), Gone> {
        message::send(self.socket.as_fd(), bytes).map_err(|_| Gone)
    }

    /// This VM stands still.
    pub fn say_held(&self, hold: Hold) -> Result<(), Gone> {
        self.tell(&[packet::HELD, hold.round])
    }

    /// fork(2) has made the copy, or this error.
    pub fn say_forked(&self, round: u8, result: &io::Result<()>) -> Result<(), Gone> {
        let number = result.as_ref().err().map_or(0, |error| error.raw_os_error().unwrap_or(libc::EIO));
        self.tell(&[packet::FORKED, round, u8::try_from(number).unwrap_or(libc::EIO as u8)])
    }

    /// Asks for a copy with these streams. The answer is [`Session::word`]'s.
    pub fn ask_for_copy(
        &self,
        streams: &[OwnedFd; 3],
        paused: bool,
        share_volumes: bool,
        memory: Option<u64>,
    ) -> Result<(), Gone> {
        let mut bytes = vec![packet::COPY, 0];
        if paused {
            bytes[1] |= packet::COPY_PAUSED;
        }
        if share_volumes {
            bytes[1] |= packet::COPY_SHARES_VOLUMES;
        }
        bytes.extend(memory.unwrap_or_default().to_le_bytes());
        let descriptors = streams.each_ref().map(AsRawFd::as_raw_fd);
        message::send_with(self.socket.as_fd(), &bytes, &descriptors).map_err(|_| Gone)
    }

    /// Asks for the session to stand still for good, with `null` in the place of its streams. The answer is [`Session::word`]'s.
    pub fn ask_to_freeze(&self, null: &File) -> Result<(), Gone> {
        let descriptors = [null.as_raw_fd(); 3];
        message::send_with(self.socket.as_fd(), &[packet::FREEZE], &descriptors).map_err(|_| Gone)
    }

    /// What this VM is to do, which stands still.
    pub fn word(&self) -> Result<Word, Gone> {
        let mut buffer = [0; 1 + packet::REASON_MAX];
        loop {
            let Received { count, fds, .. } = self.receive(&mut buffer)?;
            match buffer[0] {
                packet::GO => {
                    let reason = String::from_utf8_lossy(&buffer[1..count]).into_owned();
                    return Ok(Word::Go((!reason.is_empty()).then_some(reason)));
                }
                packet::SPLIT if count == 11 => {
                    let (round, flags) = (buffer[1], buffer[2]);
                    let limit = u64::from_le_bytes(buffer[3..11].try_into().unwrap_or_default());
                    let Ok([memory, socket, life, error]) = <[OwnedFd; 4]>::try_from(fds) else {
                        // No room in this process's table of descriptors.
                        self.say_forked(round, &Err(io::Error::from_raw_os_error(libc::EMFILE)))?;
                        continue;
                    };
                    return Ok(Word::Split(Box::new(Place {
                        round,
                        memory: memory.into(),
                        socket,
                        life,
                        error,
                        share_volumes: flags & packet::COPY_SHARES_VOLUMES != 0,
                        memory_limit: (limit != 0).then_some(limit),
                    })));
                }
                // Told again while it stands still already.
                _ => {}
            }
        }
    }

    /// In the copy, which has the original's memory: its own place, instead of the original's. Descriptors of that are to be closed by number.
    pub fn take_place(self, place: Place) -> io::Result<Self> {
        let (first, generation) = (self.first, self.generation + 1);
        // What its parent's children write is learned anew.
        let (old, _) = self.inherit();
        drop(old);
        let channel = Channel::map(&place.memory)?;
        let life = Life::given(place.life);
        let life = if first { life } else { life.inherit()? };
        Ok(Self::new(channel, place.socket, life, generation, first))
    }

    /// In the copy: what takes the place of the session's memory with that inode number. None: nobody has it any more.
    pub fn exchange(&self, inode: u64) -> io::Result<Option<File>> {
        let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        let [a, b, c, d, e, f, g, h] = inode.to_le_bytes();
        self.tell(&[packet::EXCHANGE, a, b, c, d, e, f, g, h]).map_err(gone)?;
        let mut buffer = [0; 2];
        let received = self.receive(&mut buffer).map_err(gone)?;
        match buffer[0] {
            packet::EXCHANGE if received.truncated => Err(io::Error::from_raw_os_error(libc::EMFILE)),
            packet::EXCHANGE => Ok(received.fds.into_iter().next().map(File::from)),
            _ => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// In the copy: it could run. Waits until all others of its session could as well.
    pub fn wait_for_beginning(&self) -> Result<(), NoCopy> {
        self.tell(&[packet::HELLO]).map_err(|Gone| NoCopy::Gone)?;
        let mut buffer = [0; 2];
        self.receive(&mut buffer).map_err(|Gone| NoCopy::Gone)?;
        match buffer[0] {
            packet::GO => Ok(()),
            _ => Err(NoCopy::Aborted),
        }
    }
}
