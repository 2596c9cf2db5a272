//! Clones made ahead, from the template's side.
//!
//! ```text
//!             fork(2)             "I wait" on its line            its line closes
//!   (nothing) ───────► in the making ───────────────► parked ───────────────────► gone: a clone now, dead, or dismissed
//!                           │ its line closes                                      (the template does not care which)
//!                           └─────────────────► failed: no further one for a while
//! ```
//!
//! Requests go to the clones themselves ([`Requests`]). The template takes one only when nobody else waits for it, or seems to have missed
//! it, and then forks as it would without a pool. So it is never in the way: it makes new ones when it has been quiet for a moment.

use crate::clone::{CloneOrder, PoolSettings};
use crate::io::{Requests, Wish};
use crate::vm::{Error, monotonic};
use std::collections::BTreeMap;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::path::PathBuf;

const MILLISECOND: u64 = 1_000_000;
/// After a request so long nothing is made, unless none is left: whoever asks once asks again.
const QUIET: u64 = 2 * MILLISECOND;
/// A request that lies there so long after a parked clone has gone was perhaps that one's to take.
const MISSED: u64 = 2 * MILLISECOND;
/// After a failure, and while there is no memory, nothing is made for so long.
const RETRY: u64 = 200 * MILLISECOND;
/// Without a request for so long, half of what demand has added goes.
const IDLE: u64 = 2000 * MILLISECOND;
/// So many failures in a row end the making of clones ahead.
const MOST_FAILURES: u32 = 8;
/// This much of the host's memory (one part in so many) stays free.
const FREE_SHARE: u64 = 10;

/// What the template is to do next.
pub enum Deed {
    /// Make this clone: there is none to take its request.
    Clone(Box<CloneOrder>),
    /// Make a clone ahead.
    Refill,
    /// Nothing until CLOCK_MONOTONIC reaches this (ns).
    Rest(u64),
}

/// One that was made ahead.
struct Child {
    line: OwnedFd,
    parked: bool,
    leaves: bool,
}

/// The clones that were made ahead.
pub struct Pool {
    requests: Requests,
    directory: PathBuf,
    settings: PoolSettings,
    /// So many are to be parked: between target and maximum, by demand.
    wanted: usize,
    children: BTreeMap<RawFd, Child>,
    parked: usize,
    watch: OwnedFd,
    /// Whether [`Pool::watch`] looks at the requests.
    listening: bool,
    buffer: Vec<u8>,
    last_taken: u64,
    /// When to look whether a request was missed; `u64::MAX`: not.
    suspicion: u64,
    next_try: u64,
    failures: u32,
    last_decay: u64,
    next_dismissal: u64,
    /// So many of the parked know less than those that would be made now.
    stale: usize,
}

/// What a child writes on its line when it waits for a request.
pub const WAITS: u8 = b'W';
/// What a child writes on its line when it was dismissed.
pub const LEAVES: u8 = b'L';

fn control(watch: &OwnedFd, operation: i32, fd: RawFd) -> std::io::Result<()> {
    let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: fd as u64 };
    // SAFETY: both descriptors are open; the event is of this frame.
    match unsafe { libc::epoll_ctl(watch.as_raw_fd(), operation, fd, &mut event) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

impl Pool {
    /// An empty pool, and the socket in the template's directory.
    pub fn open(directory: PathBuf, settings: PoolSettings) -> Result<Self, Error> {
        let requests = Requests::open(&directory).map_err(Error::host("clone socket"))?;
        // SAFETY: a new descriptor, which belongs to nobody else.
        let watch = unsafe {
            let fd = libc::epoll_create1(libc::EPOLL_CLOEXEC);
            if fd < 0 {
                return Err(Error::last("epoll"));
            }
            OwnedFd::from_raw_fd(fd)
        };
        Ok(Self {
            requests,
            directory,
            settings,
            wanted: settings.target,
            children: BTreeMap::new(),
            parked: 0,
            watch,
            listening: false,
            buffer: Requests::buffer(),
            last_taken: 0,
            suspicion: u64::MAX,
            next_try: 0,
            failures: 0,
            last_decay: monotonic(),
            next_dismissal: 0,
            stale: 0,
        })
    }

    /// For poll(2): readable when there is something to do.
    pub fn fd(&self) -> RawFd {
        self.watch.as_raw_fd()
    }

    /// In a child: the socket, and nothing else of the pool.
    pub fn into_requests(self) -> Requests {
        let Self { requests, children, watch, .. } = self;
        // Closed by number, with everything else that is the template's.
        std::mem::forget((children, watch));
        requests
    }

    /// How many are parked, and what the pool is to be.
    pub fn describe(&self) -> serde_json::Value {
        serde_json::json!({
            "parked": self.parked,
            "wanted": self.wanted,
            "target": self.settings.target,
            "maximum": self.settings.maximum,
        })
    }

    /// Other sizes.
    pub fn set(&mut self, settings: PoolSettings) {
        self.settings = settings;
        self.wanted = settings.target;
        (self.failures, self.next_try) = (0, 0);
    }

    /// Has all that are parked replaced: those that come after them know more.
    pub fn renew(&mut self) {
        self.stale = self.parked;
    }

    /// The pipe on which the next child will tell: its reading end here, the other one for the child.
    pub fn line(&self) -> std::io::Result<(OwnedFd, OwnedFd)> {
        let mut ends = [0; 2];
        // SAFETY: the array has room for both descriptors, which are new and belong to nobody else.
        unsafe {
            if libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK) != 0 {
                return Err(std::io::Error::last_os_error());
            }
            Ok((OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])))
        }
    }

    /// A child has been forked; this is its line.
    pub fn expect(&mut self, line: OwnedFd) {
        let fd = line.as_raw_fd();
        if control(&self.watch, libc::EPOLL_CTL_ADD, fd).is_ok() {
            self.children.insert(fd, Child { line, parked: false, leaves: false });
        }
    }

    /// A child could not be made.
    pub fn failed(&mut self) {
        self.failures += 1;
        self.next_try = monotonic() + RETRY;
    }

    /// Looks at what has happened, and says what is to be done.
    pub fn tend(&mut self) -> Deed {
        self.hear();
        let now = monotonic();
        let suspicious = now >= self.suspicion;
        if self.parked == 0 || suspicious {
            self.suspicion = u64::MAX;
            // A dismissal is not for the template.
            if let Ok(Some(Wish::Clone(order))) = self.requests.take(&mut self.buffer, false) {
                self.demand(now);
                if suspicious && self.parked > 0 {
                    // There may be more of them.
                    self.suspicion = now + MISSED;
                }
                return Deed::Clone(order);
            }
        }
        self.listen(self.parked == 0);
        self.decay(now);
        if self.should_refill(now) {
            return Deed::Refill;
        }
        Deed::Rest(self.next(now))
    }

    /// Takes what the children have to say.
    fn hear(&mut self) {
        const ROOM: usize = 64;
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; ROOM];
        loop {
            // SAFETY: the array has as much room as stated.
            let count =
                unsafe { libc::epoll_wait(self.watch.as_raw_fd(), events.as_mut_ptr(), ROOM as i32, 0) };
            let count = usize::try_from(count).unwrap_or(0);
            for event in &events[..count] {
                self.hear_one(event.u64 as RawFd);
            }
            if count < ROOM {
                return;
            }
        }
    }

    fn hear_one(&mut self, fd: RawFd) {
        let Some(child) = self.children.get_mut(&fd) else { return };
        let mut byte = 0u8;
        // SAFETY: one byte of this frame.
        let count = unsafe { libc::read(child.line.as_raw_fd(), (&raw mut byte).cast(), 1) };
        if count == 1 {
            if byte == WAITS && !child.parked {
                (child.parked, self.failures) = (true, 0);
                self.parked += 1;
            } else if byte == LEAVES && child.parked {
                child.leaves = true;
            }
            return;
        }
        if count < 0 && std::io::Error::last_os_error().kind() == std::io::ErrorKind::WouldBlock {
            return;
        }
        // Closing it takes it out of the watch.
        let (parked, leaves) = (child.parked, child.leaves);
        self.children.remove(&fd);
        self.parked -= usize::from(parked);
        if leaves {
            self.stale = self.stale.saturating_sub(1);
        } else if parked {
            let now = monotonic();
            self.suspicion = now + MISSED;
            self.demand(now);
        } else {
            self.failed();
        }
    }

    /// Somebody has asked for a clone.
    fn demand(&mut self, now: u64) {
        self.last_taken = now;
        self.last_decay = now;
        if self.parked == 0 && self.settings.maximum > 0 {
            self.wanted = (self.wanted * 2).clamp(1, self.settings.maximum);
        }
    }

    /// Watches the requests, or does not: while somebody is parked they are not the template's.
    fn listen(&mut self, listen: bool) {
        if listen != self.listening {
            let operation = if listen { libc::EPOLL_CTL_ADD } else { libc::EPOLL_CTL_DEL };
            if control(&self.watch, operation, self.requests.as_raw_fd()).is_ok() {
                self.listening = listen;
            }
        }
    }

    fn decay(&mut self, now: u64) {
        let over = self.wanted - self.wanted.min(self.settings.target);
        if over > 0 && now >= self.last_decay + IDLE {
            self.last_decay = now;
            self.wanted -= over.div_ceil(2);
        }
        if (self.parked > self.wanted || self.stale > 0) && now >= self.next_dismissal {
            // Slowly, so that no request finds them all gone.
            self.requests.dismiss_one(&self.directory);
            self.next_dismissal = now + MISSED;
        }
        self.stale = self.stale.min(self.parked);
    }

    fn should_refill(&mut self, now: u64) -> bool {
        let forming = self.children.len() - self.parked;
        if self.children.len() >= self.wanted
            || forming > 0
            || now < self.next_try
            || self.failures >= MOST_FAILURES
        {
            return false;
        }
        if self.parked > 0 && now < self.last_taken + QUIET {
            return false;
        }
        if !has_memory() {
            self.next_try = now + RETRY;
            return false;
        }
        true
    }

    /// When to look again although nothing happens.
    fn next(&self, now: u64) -> u64 {
        let mut next = self.suspicion;
        if self.children.len() < self.wanted
            && self.failures < MOST_FAILURES
            && self.children.len() == self.parked
        {
            next = next.min(self.next_try.max(self.last_taken + QUIET).max(now));
        }
        if self.wanted > self.settings.target {
            next = next.min(self.last_decay + IDLE);
        }
        if self.parked > self.wanted || self.stale > 0 {
            next = next.min(self.next_dismissal);
        }
        next
    }
}

/// Whether the host has memory for one more.
fn has_memory() -> bool {
    let Ok(text) = std::fs::read_to_string("/proc/meminfo") else { return true };
    let value = |name: &str| -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim_start_matches(':').trim().split(' ').next()?.parse().ok()
    };
    match (value("MemTotal"), value("MemAvailable")) {
        (Some(total), Some(available)) => available >= total / FREE_SHARE,
        _ => true,
    }
}
