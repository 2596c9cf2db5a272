//! Sessions: what processes of one session share, served by the session's *keeper*.
//!
//! A program's first `fork` makes the VM the first of a session. From then on each process is a VM with a *channel* to the
//! keeper, a host process without a VM: a shared memory object of [`CHANNEL_SIZE`] bytes, seen by the guest at
//! [`crate::layout::SESSION_WINDOW`], and a socket between VMM and keeper that carries doorbells, descriptors and the news of
//! either side's death.
//!
//! The guest writes a [`Request`] and its data into the channel and makes the hypercall
//! [`crate::hypercall::SESSION_CALL`]; the VMM rings the keeper and waits; the keeper copies the request once, checks
//! it, writes a [`Reply`] and its data, and rings back. The keeper never blocks: what would block is answered with EAGAIN and a
//! registration ([`op::WATCH`]), and the keeper sends a [`Notice`] when it is worth asking again. Results are
//! those of the Linux call of the same name, negative errno on failure, unless said otherwise.
//!
//! A keeper that has just been asked watches [`Control::asked`] for a moment, and says so in [`Control::watching`]. While it does, a guest may watch
//! [`Control::answered`] instead of making the hypercall, for as long as it likes: the hypercall asks for the same answer. What comes with
//! descriptors ([`op::FORK`], [`op::MEMORY`]) and the first process's EXIT are answered by the hypercall only.
//!
//! After an answer the guest looks at [`Control::head`] by itself: notices that its own request has caused (a signal for its own
//! process group, say) are in the ring before the answer, and are not announced otherwise. Any other notice is announced by a kick: the
//! VMM raises [`crate::mailbox::event::SESSION`]. A ring that was full is filled again by [`op::DRAIN`] only.
//!
//! Between VMM and keeper: [`message`].
//!
//! Ids name objects of the session: *nodes* (inodes) and *descriptions* (open file descriptions). A process may use only the ids
//! that the keeper has given it; a child begins with its parent's.

mod sockets;
pub mod sysv;

pub use sockets::{control, inet_import, socket, socket_import};

use core::sync::atomic::{AtomicU32, AtomicU64};

/// Bytes of a channel.
pub const CHANNEL_SIZE: u64 = 2 << 20;
/// Offset of [`Control`].
pub const CONTROL_OFFSET: u64 = 0;
/// Offset of the ring of [`NOTICES`] notices.
pub const NOTICES_OFFSET: u64 = 0x1000;
/// Notices that the ring holds, a power of two.
pub const NOTICES: u32 = 512;
/// Offset of [`VERSIONS`] counters (u32): the one at [`version_slot`] of a directory changes with every change of a name in it, and that of any
/// inode with every change of its owner or permissions, before that is answered. What is known of others stays right meanwhile,
/// although [`Control::names`] has changed.
pub const VERSIONS_OFFSET: u64 = 0x7000;
/// Number of those counters, a power of two.
pub const VERSIONS: u64 = 1024;

/// The counter of the inode with that device and number. Several inodes share one.
pub const fn version_slot(device: u64, inode: u64) -> u64 {
    (inode ^ device << 40).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - VERSIONS.ilog2())
}

/// Offset of the map of inodes of the image that differ from it: bit [`touched_bit`] is set (the lowest bit of a byte first) before anything
/// of the inode is different in the session's root file system: a directory's names, a file's data, any attribute but the access time. Bits are
/// never taken back, and several inodes share one. While its bit is 0, an inode may be read from the image without asking.
pub const TOUCHED_OFFSET: u64 = 0x8000;
/// Bytes of that map, a power of two.
pub const TOUCHED_SIZE: u64 = 0x8000;

/// The bit of the image's inode `number` in the map at [`TOUCHED_OFFSET`].
pub const fn touched_bit(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - (TOUCHED_SIZE * 8).ilog2())
}

/// Offset of [`SLEEPERS`] counters (u32): whether anybody waits at a futex of the session whose [`futex_slot`] that is (not 0), set before a waiter looks
/// at its word. Who has changed a word and then finds 0 here need not wake anybody.
pub const SLEEPERS_OFFSET: u64 = 0x1_2000;
/// Number of those counters, a power of two.
pub const SLEEPERS: u64 = 1024;

/// What names a file's memory in [`futex_slot`].
pub const fn futex_space(device: u64, inode: u64) -> u64 {
    inode ^ device << 48
}

/// The counter of the word at `offset` of a file's memory ([`futex_space`]). Several words share one.
pub const fn futex_slot(space: u64, offset: u64) -> u64 {
    let file = space.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (file ^ offset).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - SLEEPERS.ilog2())
}

/// Offset of the [`Request`].
pub const REQUEST_OFFSET: u64 = 0x1_0000;
/// Offset of the [`Reply`].
pub const REPLY_OFFSET: u64 = 0x1_1000;
/// Offset of the data, of request and reply.
pub const DATA_OFFSET: u64 = 0x2_0000;
/// Most bytes of data.
pub const DATA_MAX: u64 = 0x10_0000;

/// First page of a channel.
#[repr(C)]
#[derive(Debug)]
pub struct Control {
    /// Notices written so far (wrapping): the keeper's.
    pub head: AtomicU32,
    /// Notices read so far (wrapping): the guest's.
    pub tail: AtomicU32,
    /// The ring was full and notices wait in the keeper: the guest asks for them with [`op::DRAIN`].
    pub more: AtomicU32,
    /// The keeper looks at `asked` by itself for now.
    pub watching: AtomicU32,
    /// Changes whenever a name, an owner or permissions in the session's file system change (not sizes and times): what was looked up before
    /// may be out of date.
    pub names: AtomicU64,
    /// Requests written so far (wrapping): the guest's. It adds 1 when a request is complete.
    pub asked: AtomicU32,
    /// The value of `asked` that the answer in the channel is for: the keeper's. See [`is_answered`].
    pub answered: AtomicU32,
    /// Not 0: what is opened, read and closed is to be asked for at the keeper, even where a VM could do it alone ([`op::INOTIFY`]): the
    /// keeper's. It is never taken back.
    pub watched: AtomicU32,
}

/// Whether the answer to request `asked` is in the channel, when [`Control::answered`] is `answered`.
pub const fn is_answered(asked: u32, answered: u32) -> bool {
    (answered.wrapping_sub(asked) as i32) >= 0
}

/// Something happened: see [`notice`].
#[repr(C)]
#[derive(Debug)]
pub struct Notice {
    /// One of [`notice`].
    pub kind: AtomicU32,
    /// Detail.
    pub detail: AtomicU32,
    /// The object.
    pub id: AtomicU64,
    /// Values.
    pub values: [AtomicU64; 4],
}

/// Kinds of [`Notice`].
pub mod notice {
    /// Description `id`, which is being watched, may have become ready: `detail` is the poll(2) events.
    pub const READY: u32 = 1;
    /// A signal for the process: `detail` is its number; values: si_code (sign-extended), sender's pid, sender's uid, si_value (a thread's id
    /// in `id`, or 0: for the process; or 1 << 32 | the number of a thread or of a child that shares its parent's memory: for the process that it names; with a negative
    /// number (32 bits): for the VM's first process and all others of that process group). SIGCHLD, or what was given to FORK instead of it: the child's pid, its uid | si_utime << 32, si_status | si_stime << 32.
    pub const SIGNAL: u32 = 2;
    /// A child has changed its state (SIGCHLD comes by itself): wait(2) may have something to tell.
    pub const CHILD: u32 = 3;
    /// A futex waiter `id` (the number given to [`super::op::FUTEX_WAIT`]) has been woken.
    pub const FUTEX: u32 = 4;
    /// A lock that `id` (the number given to [`super::op::LOCK`]) waits for may be free.
    pub const LOCK: u32 = 5;
    /// The parent has ended: values\[0\] is the new parent's pid; 1 that is nobody's (unless the first process has it): the keeper itself,
    /// which buries the orphans of a session without a subreaper.
    pub const REPARENTED: u32 = 6;
    /// Another process asks (see [`super::op::ASK`]): `id` is the question's number, `detail` what is asked, values: its three arguments, the asker's
    /// pid | its effective user id << 32.
    pub const QUESTION: u32 = 8;
    /// There is an answer to question `id`, or there will be none: [`super::op::TAKE_ANSWER`].
    pub const ANSWERED: u32 = 9;
    /// Another process has put this one into process group values\[0\].
    pub const GROUP: u32 = 7;
}

/// A request. Fields that an operation does not name are 0.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Request {
    /// One of [`op`].
    pub operation: u32,
    /// Flags of the operation.
    pub flags: u32,
    /// The node or description.
    pub id: u64,
    /// A second one.
    pub other: u64,
    /// Numbers.
    pub arguments: [u64; 6],
    /// Bytes of data sent along.
    pub length: u64,
    /// Most bytes of data wanted.
    pub wanted: u64,
}

/// An answer.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Reply {
    /// Result, or a negative errno.
    pub result: i64,
    /// Bytes of data.
    pub length: u64,
    /// Further results.
    pub values: [u64; 8],
    /// Attributes.
    pub stat: Stat,
}

/// Attributes of a node, times in nanoseconds since 1970.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stat {
    /// st_dev.
    pub device: u64,
    /// st_ino.
    pub inode: u64,
    /// st_mode.
    pub mode: u32,
    /// st_nlink.
    pub links: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// st_rdev.
    pub special: u64,
    /// Bytes.
    pub size: u64,
    /// 512-byte blocks.
    pub blocks: u64,
    /// Last access.
    pub accessed: u64,
    /// Last modification.
    pub modified: u64,
    /// Last change of status.
    pub changed: u64,
}

pub mod message;

/// Operations. "Name": the data, a single path component. What a client does not hold is EBADF; what makes no sense EINVAL;
/// an operation that does not exist ENOSYS.
pub mod op {
    /// Notices that did not fit: fills the ring again. Result: 0.
    pub const DRAIN: u32 = 0x001;

    // Processes.

    /// A child is to be made (hypercall FORK, not SESSION_CALL): arguments: clone(2)'s exit signal, the child's wanted pid (a free one,
    /// or one of the caller's from TIDS, which is the caller's again if there is no child in the end) or 0, RLIMIT_NPROC if the caller is bound by it or 0, and how many
    /// threads of the same user the keeper does not know of. `flags` 1: CLONE_PARENT. `flags` 2: the process that
    /// [`super::message::EXEC`] has announced (EINVAL: none was): nobody's child, in a session of its own.
    /// Descriptors: the child's channel memory and socket. Result: the child's pid. EAGAIN: a limit of the session; ENOMEM: that of its VMs' RAM. EEXIST: the pid is in use.
    pub const FORK: u32 = 0x100;
    /// The process is over: arguments: wait status, user time, system time (ns), maximum resident set (KiB), page faults without input, without its children's. The
    /// VMM ends the VM afterwards. Result: 0. To the session's first process the answer comes when all others are gone and all output is
    /// written.
    pub const EXIT: u32 = 0x101;
    /// waitid(2) without sleeping (wait4(2) is that with WEXITED). Arguments: P_ALL 0, P_PID 1, P_PGID 2, P_PIDFD 3; id (a description for
    /// P_PIDFD; 0 for P_PGID: the caller's group); options. Result: pid (0: none has changed). Values: si_code (CLD_*), si_status, uid, user
    /// time, system time (ns, with those of the children that it has waited for), maximum resident set (KiB), wait status, page faults without input. `flags` 1: only
    /// children whose pids (u32 each) are the data; 2: only others (__WNOTHREAD).
    pub const WAIT: u32 = 0x102;
    /// kill(2), tgkill(2), rt_sigqueueinfo(2). Arguments: pid (kill's rules for 0, -1, -pgid), thread id or 0, signal, si_code, si_value. For
    /// tkill(2) of a thread of another process: pid and thread id the same. `flags` 1: the first argument is a pidfd's description; 2: all but the caller, who
    /// has been told already.
    pub const KILL: u32 = 0x103;
    /// setpgid(2). Arguments: pid, pgid.
    pub const SETPGID: u32 = 0x104;
    /// setsid(2).
    pub const SETSID: u32 = 0x105;
    /// Facts about process `arguments[0]` (0: the caller). Result: its pid. Values: parent, group, session, state (the letter of proc(5): S, T or Z),
    /// effective user id | real user id << 32, start time (CLOCK_BOOTTIME, ns), exit signal, foreground group of the terminal (-1: none). Data: comm, a zero byte, the command line.
    /// `flags` 1: what it had used when it ended: user time and system time in ns, and no data (0 while it lives).
    pub const PROCESS: u32 = 0x106;
    /// The caller's facts for others: flags 1: data is comm, a zero byte and the command line; 2: arguments are real, effective, saved user id;
    /// 4: arguments\[3\] is 1 if the process has executed a program since it was forked. 8: arguments\[4\] as of [`OPTION`] 3; 16: arguments\[5\]: bit 0: of
    /// [`OPTION`] 1, from bit 8 on: of [`OPTION`] 2.
    pub const DESCRIBE: u32 = 0x107;
    /// The process has stopped (argument: the signal) or continued (0).
    pub const STOPPED: u32 = 0x108;
    /// prctl(2). Arguments: 1: PR_SET_CHILD_SUBREAPER, value; 2: PR_SET_PDEATHSIG, value. 3: SIGCHLD is ignored or has SA_NOCLDWAIT (bit
    /// 0), SA_NOCLDSTOP (bit 1). 4: the thread that made child `arguments[1]` has ended, which sends the child its PR_SET_PDEATHSIG.
    pub const OPTION: u32 = 0x109;
    /// All pids of the session, or (`flags` 1) of processes with the caller's real user id, u32 each, as data. Result: how many.
    pub const PIDS: u32 = 0x10a;
    /// pidfd_open(2), `flags` as there: a description that is readable when process `arguments[0]` has ended. Result: the description.
    pub const PIDFD: u32 = 0x10b;
    /// `arguments[0]` consecutive numbers (at most 256) for the ids of threads, which no process and no other thread of the session
    /// has. They are the process's until it is waited for, or until it says with `flags` 2 which are still in use: the data, u32 each. `flags` 1, by the session's first process before its first FORK: the
    /// numbers up to `arguments[0]` are in use already. Result: the first of them. EAGAIN: 32,768 are in use.
    pub const TIDS: u32 = 0x10c;
    /// Asks the VM of process `arguments[0]` something that only its kernel knows: \[1\] says what, \[2\] to \[4\] are passed on. What is asked and answered is the
    /// kernels' affair. Result: the question's number. EAGAIN: that VM has left an earlier question unanswered, or the caller has asked too much.
    pub const ASK: u32 = 0x110;
    /// The answer to question `arguments[0]`: its result (\[1\]) and data; the asker comes to hold description `id`, unless that is 0.
    pub const ANSWER: u32 = 0x111;
    /// Result, values\[0\] (the description) and data of the answer to question `arguments[0]`, which is over then. EAGAIN: there is none yet; `flags` 1: and the caller
    /// does not wait any longer. ESRCH: the process has ended.
    pub const TAKE_ANSWER: u32 = 0x112;

    /// Process `arguments[0]`, which shares the caller's VM until it executes a program and has a number from TIDS, is in process group \[1\] of session
    /// \[2\]; `flags` 1: it has ended. FORK with its number takes that over. READ, WRITE, IOCTL, PTY and CONSOLE of a terminal have its number in
    /// `other` when it is the one who calls.
    pub const LODGER: u32 = 0x11e;
    /// Whether process group `arguments[0]` is orphaned: nobody in its session, but outside of it, is the parent of one of its members. Result: 1 or 0.
    pub const ORPHANED: u32 = 0x11f;
    /// The standard streams of a process that FORK with `flags` 2 has made, once. Values: its descriptions for descriptors 0, 1 and 2, and 0; or, with a
    /// terminal, which becomes its controlling one, the same description three times and 1 + the number of that pseudo-terminal.
    pub const ATTACH: u32 = 0x10d;

    // The session's file system: the image under what has been written.

    /// Takes over what was written before the session began into file system `arguments[0]` (one of [`super::tree`]): data is one piece of
    /// `ramet_kcore::fs::memfs::export`; `flags` 1: more follows. EBUSY: the file system is in use already. `flags` 2, without data, in the
    /// end: nodes without a name that have not been asked for with [`INODE`] are forgotten.
    pub const IMPORT: u32 = 0x200;
    /// The root directory of file system `arguments[0]` (one of [`super::tree`]). Result: its node. Answers `stat`.
    pub const ROOT: u32 = 0x201;
    /// The name in directory `id`. Result: a node. Answers `stat`; values\[0\]: 1 + the number of the image's inode whose data this regular file
    /// has, unchanged, or 0.
    pub const WALK: u32 = 0x202;
    /// Answers `stat`.
    pub const STAT: u32 = 0x203;
    /// Changes what `flags` say ([`crate::hostfs::set`]): arguments: mode, uid, gid, size, accessed, modified.
    pub const SETATTR: u32 = 0x204;
    /// Makes the name in directory `id`. Arguments: st_mode with its type, uid, gid, device number; for a symbolic link, the name's length is
    /// arguments\[4\] and the target follows it. `flags` 1: without a name (O_TMPFILE), 2: and never to have one. Result: a node. Answers `stat`.
    pub const CREATE: u32 = 0x205;
    /// Removes the name from directory `id`; `flags` 1: a directory.
    pub const UNLINK: u32 = 0x206;
    /// renameat2(2): the first `arguments[0]` bytes of data are the old name in `id`, the rest the new name in `other`; `flags` as there.
    pub const RENAME: u32 = 0x207;
    /// Makes the name in directory `other` for node `id`.
    pub const LINK: u32 = 0x208;
    /// Target of a symbolic link, as data. Result: its length.
    pub const READLINK: u32 = 0x209;
    /// Entries of directory `id` from cookie `arguments[0]` on, as [`crate::hostfs::op::READDIR`] has them. Result: bytes.
    pub const READDIR: u32 = 0x20a;
    /// Bytes of regular file `id` from `arguments[0]` on, as data. Result: how many.
    pub const READ_NODE: u32 = 0x20b;
    /// Writes the data to regular file `id` at `arguments[0]` (`flags` 1: at its end). Result: bytes written; values\[0\]: the offset.
    pub const WRITE_NODE: u32 = 0x20c;
    /// fallocate(2). Arguments: mode, offset, length.
    pub const ALLOCATE: u32 = 0x20d;
    /// SEEK_DATA (`flags` 0) or SEEK_HOLE (1) from `arguments[0]`.
    pub const SEEK_DATA: u32 = 0x20e;
    /// Extended attributes: `flags` 1: get (data: name), 2: list, 3: set (`arguments[0]`: length of the name, [1]: setxattr(2)'s flags), 4: remove.
    pub const XATTR: u32 = 0x20f;
    /// statfs(2). Values: magic, block size, blocks, free, files, free files, id.
    pub const STATFS: u32 = 0x210;
    /// Shared memory of regular file `id`, for a mapping: the VMM receives a descriptor and makes a [`crate::hostfs`] fid of it. Result: the fid. Answers `stat`.
    /// `flags` 1: for a shared writable mapping, which ends with [`UNMAP`] or with the process; a child has its parent's.
    pub const MEMORY: u32 = 0x211;
    /// The data are ids, u64 each, that the caller does not use any more: nodes (`flags` 0) or descriptions (1).
    pub const RELEASE: u32 = 0x212;
    /// The path of node `id` from the root of the session's file system, as data; `arguments[0]`: 1 for "(deleted)".
    pub const PATH: u32 = 0x213;
    /// A memory file (memfd_create(2)): data: its name, `flags` as there; arguments: uid, gid. Result: a node. Answers `stat`.
    pub const MEMFD: u32 = 0x214;
    /// Seals of memory file `id`: adds `arguments[0]`. Result: the seals.
    pub const SEALS: u32 = 0x215;
    /// A shared writable mapping of file `id` has ended.
    pub const UNMAP: u32 = 0x217;
    /// One has begun, as [`MEMORY`] with `flags` 1 says it, without the memory.
    pub const MAPPED: u32 = 0x218;
    /// After an import: the node with inode number `arguments[1]` of file system `arguments[0]`; data: what [`PATH`] is to show for it. Result: a
    /// node. Answers `stat`.
    pub const INODE: u32 = 0x216;

    // Open file descriptions.

    /// Makes a description of node `id` (a regular file, directory or FIFO), open(2) `flags` (O_TRUNC is obeyed), offset `arguments[0]`; `arguments[1]` 1: it
    /// was open before. Result: it;
    /// values\[0\] 1: a FIFO whose open(2) has to wait for the other side ([`WATCH`] with `flags` 1).
    pub const OPEN: u32 = 0x300;
    /// read(2), pread(2) with `flags` 1 at offset `arguments[0]`. Data: the bytes. Result: how many. EAGAIN of a terminal: values\[0\]: when a read
    /// that waits gives up: 0 never, 1 values\[1\] ns after its begin, 2 so long after the last byte; then it asks with `flags` 4 for what there is.
    /// READ, WRITE and IOCTL may have [`super::flag::STEADFAST`]; ERESTARTSYS (512): a signal of job control is on its way.
    pub const READ: u32 = 0x301;
    /// write(2), pwrite(2) with `flags` 1 at offset `arguments[0]`; `flags` 2: the writer has CAP_FSETID; `arguments[1]`: RLIMIT_FSIZE. Result: how
    /// many. With EPIPE values\[0\] is 1 if SIGPIPE belongs to it.
    pub const WRITE: u32 = 0x302;
    /// lseek(2). Arguments: offset, whence.
    pub const SEEK: u32 = 0x303;
    /// F_GETFL (`flags` 0), F_SETFL (1) with `arguments[0]`. Result: the flags.
    pub const FLAGS: u32 = 0x304;
    /// Readiness as poll(2). EREMCHG here and from WATCH: the pipe is lent ([`PIPE_MEMORY`]); `flags` 2 takes it back first.
    pub const POLL: u32 = 0x305;
    /// Sends [`super::notice::READY`] at every change of readiness that meets `arguments[0]`, until it is 0. Result: readiness now. `flags` 1:
    /// at every change of who has the other side of a FIFO open; result: 1 while open(2) has to go on waiting.
    pub const WATCH: u32 = 0x306;
    /// ioctl(2): arguments: request, raw argument; data: what the argument points to, as much as may be read of it. Result; data: what is
    /// to be written there.
    pub const IOCTL: u32 = 0x307;
    /// fstat(2). Answers `stat`.
    pub const STAT_DESCRIPTION: u32 = 0x308;
    /// Changes attributes of description `id`, which is in no file system, as [`SETATTR`] does it.
    pub const SETATTR_DESCRIPTION: u32 = 0x322;
    /// getdents64(2): data: records as that call gives them. Result: bytes.
    pub const GETDENTS: u32 = 0x309;
    /// flock(2), fcntl(2) locks on description `id`: arguments: kind (0 flock, 1 POSIX, 2 OFD), type (F_RDLCK, F_WRLCK, F_UNLCK), start,
    /// end (inclusive, `u64::MAX`: without), a number for [`super::notice::LOCK`] or 0: do not wait. `flags` 1: F_GETLK: values: type, start,
    /// length, pid. `flags` 2: the wait with that number is over. The locks of a process are released at its end, and when it
    /// releases a description of the file; at another close(2) of it the process does so itself.
    pub const LOCK: u32 = 0x30a;
    /// What /proc/self/fd shows of description `id`, as data.
    pub const DISPLAY: u32 = 0x30b;
    /// fcntl(2) F_SETPIPE_SZ (`arguments[0]`: size), F_GETPIPE_SZ (0). Result: the size.
    pub const PIPE_SIZE: u32 = 0x30c;
    /// F_SETOWN_EX and F_SETSIG: arguments: kind, id, signal; `flags` 1: only ask. Values: the same. `flags` 2: O_ASYNC is on, for the
    /// descriptor with the number `arguments[3]`; 3: it is off. EINVAL: the object knows no such thing.
    pub const OWNER: u32 = 0x30d;
    /// What description `id` is, for a VM that has received it. Values: open(2) flags, one of [`super::object`], the node (of a file, directory or FIFO),
    /// its file system. Answers `stat`. Data: what [`DISPLAY`] gives, or what was given to [`STAND_IN`].
    pub const DESCRIBED: u32 = 0x320;
    /// splice(2) from description `id` to description `other`, one of them a pipe at least: arguments: offset of the one, of the other (`u64::MAX`:
    /// its own), most bytes. `flags` 1: tee(2). EAGAIN as there, with values\[0\] 1: the first has nothing, 0: the second has no room.
    pub const SPLICE: u32 = 0x321;
    /// READ and WRITE of a pipe that this VM reads much of what one other writes, or the other way round, are answered by EREMCHG (78): from now on
    /// the bytes are in memory ([`crate::pipe`]), until the keeper takes the pipe back. This asks for it: the VMM receives a descriptor and makes a [`crate::hostfs`] fid
    /// of it. Result: the fid. Values: bytes of the ring, flags of the description, the pipe's capacity. `flags` 1: the VM cannot use it, and shall be asked no more. EINVAL: it has been taken back.
    pub const PIPE_MEMORY: u32 = 0x30e;
    /// The other side of such a pipe sleeps no more: it is sent [`super::notice::READY`], without POLLERR: with it the memory is the keeper's again.
    pub const PIPE_WAKE: u32 = 0x30f;

    // Making objects. Results are descriptions.

    /// pipe2(2) `flags`; data: bytes that are in it already; `arguments[0]`: capacity or 0. Values: reading and writing end.
    pub const PIPE: u32 = 0x400;
    /// eventfd2(2). Arguments: value. `flags` as there.
    pub const EVENTFD: u32 = 0x401;
    /// timerfd_create(2). Arguments: clock; of one that was a VM's: interval, 1 + the time that is left (ns; 0: disarmed), expirations that
    /// nobody has read, 1: armed with TFD_TIMER_CANCEL_ON_SET, 2: and the clock has been set.
    pub const TIMERFD: u32 = 0x402;
    /// timerfd_settime(2), flags as there. Arguments: interval, value (ns; `flags` 0x100: only ask). Values: old interval and value.
    pub const TIMERFD_SET: u32 = 0x403;
    /// epoll_create1(2).
    pub const EPOLL: u32 = 0x404;
    /// epoll_ctl(2) on description `id` for description `other`. Arguments: operation, events, data, the descriptor's number. Operation 4: an entry
    /// as another instance had it, `arguments[4]`: 1 if it may be ready.
    pub const EPOLL_CTL: u32 = 0x405;
    /// epoll_wait(2) without sleeping: `arguments[0]`: most events. Data: records of struct epoll_event. Result: how many.
    pub const EPOLL_WAIT: u32 = 0x406;
    /// inotify_init1(2), `flags` as there; of one that was a VM's: `arguments[0]`: the highest number of a watch so far, data: what was to be read.
    pub const INOTIFY: u32 = 0x40c;
    /// inotify_add_watch(2) for node `other` (0: a file that is not the session's, of device `arguments[2]` and inode number `arguments[3]`), mask
    /// `arguments[0]`; `arguments[1]`: the number that the watch had in a VM, or 0. Result: the number. `flags` 1: inotify_rm_watch(2) of number `arguments[1]`.
    pub const INOTIFY_WATCH: u32 = 0x40d;
    /// socketpair(2), socket(2). Arguments: type with its flags, 1 for a pair, uid, gid, the family (0: AF_UNIX; AF_INET, AF_INET6), the protocol of
    /// these. Values: one or two descriptions.
    pub const SOCKET: u32 = 0x407;
    /// Calls on sockets: `flags` is one of [`super::socket`].
    pub const SOCKET_CALL: u32 = 0x408;
    /// `flags` 0: a pseudo-terminal's master (posix_openpt(3)). Values: the description, its number. `arguments[0]`: 1 + the number that it is to
    /// have, or 0; data: its state as `ramet_kcore::ipc::tty` exports it, or nothing. 1: opens slave `arguments[0]`, 2: the controlling terminal, with
    /// open(2) flags `arguments[1]`; `arguments[2]` 1: it was open before it came here. Result: the description. 3: the numbers in use (data: u32 each). 4: attributes of slave
    /// `arguments[0]` (answers `stat`), after its mode, uid and gid have been set to the next three (`u64::MAX`: left). 5: the controlling
    /// terminal of session of processes `arguments[0]` (0: the caller's). Values: device number, foreground group. ENXIO: it has none.
    pub const PTY: u32 = 0x409;
    /// The console: `arguments[0]` 0, 1, 2: the session's standard streams (a terminal: `arguments[1]`: open(2) flags). With data: input that has been taken from the host already, or the terminal's state as `ramet_kcore::ipc::tty` exports it.
    pub const CONSOLE: u32 = 0x40a;
    /// Opens what description `id`, which has no path, refers to once more (`/proc/self/fd`), with open(2) `flags`. Result: the description.
    pub const REOPEN: u32 = 0x40b;
    /// A pipe that was a VM's, as `ramet_kcore::ipc::pipe` exports it: arguments: its inode number, owner | group << 32, time of its making; `id`: the node, if it
    /// is a FIFO's. `flags` 1: a further piece, `id`: one of its ends. Data: the ends (u64 each), in the order in which they came.
    pub const PIPE_IMPORT: u32 = 0x420;
    /// Sockets that were a VM's: `flags` is one of [`super::socket_import`].
    pub const SOCKET_IMPORT: u32 = 0x421;
    /// Internet sockets that were a VM's: `flags` is one of [`super::inet_import`].
    pub const INET_IMPORT: u32 = 0x423;
    /// The internet sockets as `/proc/net` shows them: `arguments[0]`: 0 tcp, 1 tcp6, 2 udp, 3 udp6. Data: the text, as much as fits.
    pub const INET_TABLE: u32 = 0x424;
    /// A description of something that every VM has for itself (a device, say), to be sent to another: data: what says what it is. `flags`: those of
    /// open(2).
    pub const STAND_IN: u32 = 0x422;

    // Shared memory.

    /// Registers waiter `arguments[0]` (a number of the caller's) on the word at node `id`, offset `other`, if the word is
    /// `arguments[1]`. `arguments[2]`: bit set. EAGAIN: it is not. `flags` 1: the word is a robust lock's, as the caller's
    /// `list_op_pending` says (get_robust_list(2)): if it names a thread that is over, now or later, it is marked FUTEX_OWNER_DIED, and one waiter
    /// woken. EINVAL: the node's memory has not been asked for ([`MEMORY`]).
    pub const FUTEX_WAIT: u32 = 0x500;
    /// Wakes up to `arguments[0]` waiters on the word at node `id`, offset `other`, that meet the bit set `arguments[1]`. Result: how many.
    pub const FUTEX_WAKE: u32 = 0x501;
    /// Ends the waiting of `arguments[0]`. Result: 1 if it had been woken already.
    pub const FUTEX_CANCEL: u32 = 0x502;
    /// FUTEX_REQUEUE: `arguments`: wake, requeue, the other word's node and offset; `flags` 1: FUTEX_CMP_REQUEUE with \[4\].
    pub const FUTEX_REQUEUE: u32 = 0x503;

    /// System V IPC: `flags` is one of [`super::sysv`].
    pub const SYSV: u32 = 0x600;
}

/// Flags of requests.
pub mod flag {
    /// The calling thread blocks or ignores SIGTTIN and SIGTTOU.
    pub const STEADFAST: u32 = 1 << 16;
    /// READ, WRITE: if the answer is EAGAIN, the description is watched for `arguments[2]` from now on, as [`super::op::WATCH`] does it: any change
    /// after the answer is told.
    pub const WATCH: u32 = 1 << 17;
}

/// File systems of a session.
pub mod tree {
    /// The image under what has been written.
    pub const ROOT: u64 = 0;
    /// /dev/shm.
    pub const SHM: u64 = 1;
    /// Memory files (memfd_create(2)), which are in no directory.
    pub const MEMORY: u64 = 2;
}

/// Kinds of objects in the answer to [`op::DESCRIBED`].
pub mod object {
    /// A regular file or directory.
    pub const FILE: u64 = 1;
    /// A pipe or FIFO.
    pub const PIPE: u64 = 2;
    /// A socket; the type follows from [`super::socket::GET_OPTION`].
    pub const SOCKET: u64 = 3;
    /// An epoll instance.
    pub const EPOLL: u64 = 4;
    /// Another stream.
    pub const STREAM: u64 = 5;
    /// An eventfd, timerfd or pidfd.
    pub const EVENT: u64 = 6;
    /// See [`super::op::STAND_IN`].
    pub const STAND_IN: u64 = 7;
    /// A terminal.
    pub const TERMINAL: u64 = 8;
}

const _: () = {
    assert!(size_of::<Notice>() == 48);
    assert!(NOTICES_OFFSET + NOTICES as u64 * 48 <= VERSIONS_OFFSET);
    assert!(VERSIONS_OFFSET + VERSIONS * 4 <= TOUCHED_OFFSET && VERSIONS.is_power_of_two());
    assert!(TOUCHED_OFFSET + TOUCHED_SIZE <= REQUEST_OFFSET && TOUCHED_SIZE.is_power_of_two());
    assert!(size_of::<Request>() <= 0x1000 && size_of::<Reply>() <= 0x1000);
    assert!(REPLY_OFFSET + 0x1000 <= SLEEPERS_OFFSET && SLEEPERS_OFFSET + SLEEPERS * 4 <= DATA_OFFSET);
    assert!(SLEEPERS.is_power_of_two());
    assert!(DATA_OFFSET + DATA_MAX <= CHANNEL_SIZE);
};
