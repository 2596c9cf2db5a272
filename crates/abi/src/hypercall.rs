//! Ports: every exit is an `out` to one of them.
//!
//! A hypercall's arguments and result are in [`crate::mailbox::Hypercall`], not in registers. Nothing depends on
//! RIP at an exit: it is behind the `out` on some kinds of KVM and at it on others.

/// Port of the trap stub of exception vector `n` is `TRAP_PORT + n`, n < 32. Ring 0 only.
pub const TRAP_PORT: u16 = 0x40;
/// Port of the stub at LSTAR. Ring 0 only.
pub const SYSCALL_PORT: u16 = 0x60;
/// `out` of any value here wakes the VMM's I/O thread without an exit to user space (`ioeventfd`).
pub const DOORBELL_PORT: u16 = 0x70;
/// Port of hypercall `n` is `HYPERCALL_PORT + n`.
pub const HYPERCALL_PORT: u16 = 0x80;

/// Flush the whole TLB (resume with the twin of the top-level table).
pub const FLUSH_TLB: u16 = 0;
/// Sleep until an event is set, or [`crate::mailbox::Mailbox::sequence`] differs from argument 0, or the host's
/// CLOCK_MONOTONIC reaches argument 1 (nanoseconds; `u64::MAX`: never).
pub const WAIT: u16 = 1;
/// Set `event::TIMER` when CLOCK_MONOTONIC reaches argument 0 (ns; `u64::MAX` disarms). Replaces the last one.
pub const SET_TIMER: u16 = 2;
/// The program is over: argument 0 is its wait status as wait(2) encodes it (exit code << 8, or the signal).
/// Argument 1: 0, or the length of the message at `LOG_OFFSET` that says why the program could not be started; then the exit code
/// is 125, 126 (not executable) or 127 (not found). Does not return.
pub const EXIT: u16 = 3;
/// The kernel cannot go on: argument 0 is the length of the message at `LOG_OFFSET`. Does not return.
pub const PANIC: u16 = 4;
/// Write the message at `LOG_OFFSET` (argument 0: length) to the VMM's log.
pub const LOG: u16 = 5;
/// Make RAM at least argument 0 bytes large. Result: the new size, or a negative errno (ENOMEM at the limit).
pub const GROW_RAM: u16 = 6;
/// Give the RAM at guest-physical argument 0, length argument 1 (both multiples of the page size) back to the
/// host: it reads as zeros afterwards. Result: 0 or a negative errno.
pub const RELEASE_RAM: u16 = 7;
/// Serve the request at `HOSTFS_OFFSET`: see [`crate::hostfs`]. Result: as the request says, or a negative errno.
pub const HOSTFS: u16 = 8;
/// The program wrote `ready` (argument 0 = 0), `done` (1) or `reset` (2) to `/dev/ramet`. Result: 0; EOPNOTSUPP
/// in a child of a fork: only the first process of a session is known outside.
pub const PROGRAM_STATE: u16 = 9;
/// Set the FS base (argument 0) of the vCPU. Only for a CPU without FSGSBASE.
pub const SET_FS_BASE: u16 = 10;
/// Begin a session: the VMM starts the keeper, maps the channel and hands the console's streams to the keeper. Before it the guest
/// has waited until the output rings are empty. What is in the input ring afterwards is the last that comes there. Result: 0, or a negative errno.
pub const SESSION_OPEN: u16 = 11;
/// Serve the request in the channel: see [`crate::session`]. Result: 0 (the answer is in the channel), or a negative errno.
pub const SESSION_CALL: u16 = 12;
/// Make a child: the request `FORK` is in the channel. The parent goes on with the child's pid, or a negative errno, as result. The child
/// is a VM with a copy of the memory, whose vCPU starts at [`crate::header::Header::fork_entry`] with every register zero but RIP,
/// RFLAGS and the system registers, a new identity, and its channel in place of the parent's.
pub const FORK: u16 = 13;
/// The process that [`crate::mailbox::event::EXEC`] asked for cannot be: argument 0: its exit status (125, 126, 127), argument 1: the length of the
/// message at `LOG_OFFSET` that says why. Result: 0, or ENOENT: nothing was asked for.
pub const EXEC_FAILED: u16 = 14;

/// From [`crate::header::KernelHeader::park_entry`] only: every page of the list has been touched. Does not return: the vCPU goes on with the
/// registers of the VM that it is a copy of.
pub const PARK: u16 = 15;

/// Number of hypercalls.
pub const HYPERCALLS: u16 = 16;

/// Argument of [`PROGRAM_STATE`]: ready to be frozen.
pub const STATE_READY: u64 = 0;
/// Argument of [`PROGRAM_STATE`]: the work is done.
pub const STATE_DONE: u64 = 1;
/// Argument of [`PROGRAM_STATE`]: back to the state in which this clone started, with a new identity; does not return then. EOPNOTSUPP: it is no
/// clone that can be reset.
pub const STATE_RESET: u64 = 2;
