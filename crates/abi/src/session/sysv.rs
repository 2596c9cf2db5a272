//! Calls of [`super::op::SYSV`]. `arguments[4]` and \[5\] are the effective user and group id, `other` is a number for [`super::notice::LOCK`] or 0: do not wait.
//! EAGAIN with values\[0\] 1: the caller said IPC_NOWAIT.

/// shmget(2): arguments: key, size, flags. Result: id.
pub const SHMGET: u32 = 1;
/// shmctl(2): arguments: id, command; data as there. IPC_RMID, IPC_SET, IPC_STAT, SHM_LOCK, SHM_UNLOCK, and those of ipcs(1).
pub const SHMCTL: u32 = 2;
/// A mapping of segment `arguments[0]` is made (`arguments[1]` 1, shmat(2)'s flags in \[2\]): result: its node, for [`super::op::MEMORY`]; values\[0\]: its
/// size. Or it has ended (-1). A child has its parent's; those of a process end with it.
pub const SHMAT: u32 = 3;
/// semget(2): arguments: key, number, flags. Result: id.
pub const SEMGET: u32 = 4;
/// semop(2): data: struct sembuf; arguments: id.
pub const SEMOP: u32 = 5;
/// semctl(2): arguments: id, number, command, value; data as there.
pub const SEMCTL: u32 = 6;
/// msgget(2): arguments: key, flags. Result: id.
pub const MSGGET: u32 = 7;
/// msgsnd(2): arguments: id, flags; data: the type (8 bytes) and the text.
pub const MSGSND: u32 = 8;
/// msgrcv(2): arguments: id, size, type, flags. Data: the type and the text. Result: bytes of the text.
pub const MSGRCV: u32 = 9;
/// msgctl(2): arguments: id, command; data as there. IPC_RMID, IPC_SET, IPC_STAT.
pub const MSGCTL: u32 = 10;
/// The wait with number `other` is over.
pub const CANCEL: u32 = 11;
