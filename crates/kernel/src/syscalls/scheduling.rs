//! Policies and priorities: sched_setscheduler(2), setpriority(2), ioprio_set(2), membarrier(2) and their relatives.
//!
//! There is one vCPU and one policy, round robin. Nice values and I/O priorities are kept and told, and change nothing, as on
//! a Linux machine with nothing else to do; real-time policies would be a promise, and are refused.

use super::Call;
use crate::arch::user;
use crate::task::targets::{self, Target, field};
use crate::task::{process, sched};
use alloc::vec::Vec;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::fs::credentials::cap;

/// sched(7)'s policies.
mod policy {
    pub const OTHER: i32 = 0;
    pub const FIFO: i32 = 1;
    pub const RR: i32 = 2;
    pub const BATCH: i32 = 3;
    pub const IDLE: i32 = 5;
    pub const DEADLINE: i32 = 6;
    /// May be added to a policy.
    pub const RESET_ON_FORK: i32 = 0x4000_0000;
}

/// What a thread asked for.
#[derive(Clone, Copy, Default, Debug)]
pub struct Scheduling {
    /// SCHED_OTHER, SCHED_BATCH or SCHED_IDLE, with SCHED_RESET_ON_FORK or without.
    policy: i32,
    /// Nice value, -20 to 19.
    nice: i32,
    /// ioprio_set(2)'s value.
    io: i32,
}

impl Scheduling {
    /// These values.
    pub const fn new(policy: i32, nice: i32, io: i32) -> Scheduling {
        Scheduling { policy, nice, io }
    }

    /// Policy; nice value and I/O priority.
    pub const fn values(self) -> (i32, (i32, i32)) {
        (self.policy, (self.nice, self.io))
    }

    /// With another value in one [`field`].
    #[must_use]
    pub const fn with(self, which: u64, value: i32) -> Scheduling {
        match which {
            field::POLICY => Scheduling { policy: value, ..self },
            field::NICE => Scheduling { nice: value, ..self },
            _ => Scheduling { io: value, ..self },
        }
    }

    /// What a new thread starts with.
    pub fn inherited(self) -> Scheduling {
        if self.policy & policy::RESET_ON_FORK == 0 {
            return self;
        }
        // As Linux: who was of another policy with a nice value below 0 begins at 0.
        Scheduling { policy: self.policy & !policy::RESET_ON_FORK, nice: self.nice.max(0), io: self.io }
    }
}

fn thread_or_invalid(tid: i32) -> Result<Target> {
    if tid < 0 { Err(Errno::EINVAL) } else { Target::of_thread(tid) }
}

/// sched_getscheduler(2).
pub fn sched_getscheduler(call: &mut Call<'_>) -> Result<i64> {
    Ok(thread_or_invalid(call.int(0))?.scheduling().policy as i64)
}

/// sched_getparam(2): real-time priority 0, as there are no real-time policies.
pub fn sched_getparam(call: &mut Call<'_>) -> Result<i64> {
    if call.arg(1) == 0 {
        return Err(Errno::EINVAL);
    }
    thread_or_invalid(call.int(0))?;
    user::write_i32(call.arg(1), 0)?;
    Ok(0)
}

fn set_policy(target: &Target, wanted: i32, priority: i32) -> Result<i64> {
    match wanted & !policy::RESET_ON_FORK {
        policy::OTHER | policy::BATCH | policy::IDLE if priority == 0 => {
            target.check_owner()?;
            target.change(field::POLICY, wanted).map(|()| 0)
        }
        policy::FIFO | policy::RR if (1..=99).contains(&priority) => Err(Errno::EPERM),
        _ => Err(Errno::EINVAL),
    }
}

/// sched_setscheduler(2).
pub fn sched_setscheduler(call: &mut Call<'_>) -> Result<i64> {
    if call.arg(2) == 0 || call.int(0) < 0 || call.int(1) < 0 {
        return Err(Errno::EINVAL);
    }
    let priority = user::read_i32(call.arg(2))?;
    set_policy(&Target::of_thread(call.int(0))?, call.int(1), priority)
}

/// sched_setparam(2).
pub fn sched_setparam(call: &mut Call<'_>) -> Result<i64> {
    if call.arg(1) == 0 || call.int(0) < 0 {
        return Err(Errno::EINVAL);
    }
    let priority = user::read_i32(call.arg(1))?;
    let target = Target::of_thread(call.int(0))?;
    set_policy(&target, target.scheduling().policy, priority)
}

/// Bytes of the first version of struct sched_attr, and of the one that is known here.
const ATTRIBUTES_FIRST: usize = 48;
const ATTRIBUTES: usize = 56;

/// sched_getattr(2).
pub fn sched_getattr(call: &mut Call<'_>) -> Result<i64> {
    let size = call.uint(2) as usize;
    if call.arg(1) == 0 || !(ATTRIBUTES_FIRST..=4096).contains(&size) || call.uint(3) != 0 {
        return Err(Errno::EINVAL);
    }
    let scheduling = thread_or_invalid(call.int(0))?.scheduling();
    let mut bytes = [0; ATTRIBUTES];
    let size = size.min(ATTRIBUTES);
    bytes[0..4].copy_from_slice(&(size as u32).to_le_bytes());
    bytes[4..8].copy_from_slice(&(scheduling.policy & !policy::RESET_ON_FORK).to_le_bytes());
    bytes[8] = (scheduling.policy & policy::RESET_ON_FORK != 0) as u8;
    bytes[16..20].copy_from_slice(&scheduling.nice.to_le_bytes());
    // Utilization may be anything up to all.
    bytes[52..56].copy_from_slice(&1024u32.to_le_bytes());
    user::write(call.arg(1), &bytes[..size])?;
    Ok(0)
}

/// sched_setattr(2).
pub fn sched_setattr(call: &mut Call<'_>) -> Result<i64> {
    if call.arg(1) == 0 || call.int(0) < 0 || call.uint(2) != 0 {
        return Err(Errno::EINVAL);
    }
    let size = match user::read_u32(call.arg(1))? as usize {
        0 => ATTRIBUTES_FIRST,
        size if (ATTRIBUTES_FIRST..=4096).contains(&size) => size,
        _ => {
            user::write_u32(call.arg(1), ATTRIBUTES as u32)?;
            return Err(Errno::E2BIG);
        }
    };
    let mut bytes = [0; ATTRIBUTES];
    user::read(call.arg(1), &mut bytes[..size.min(ATTRIBUTES)])?;
    let int = |at: usize| i32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    let (wanted, flags, nice, priority) = (int(4), int(8), int(16), int(20));
    if wanted < 0 || flags & !1 != 0 {
        return Err(Errno::EINVAL);
    }
    let target = Target::of_thread(call.int(0))?;
    if matches!(wanted, policy::OTHER | policy::BATCH) {
        set_nice(&target, nice).map_err(|_| Errno::EPERM)?;
    }
    set_policy(&target, wanted | (flags * policy::RESET_ON_FORK), priority)
}

/// sched_get_priority_max(2).
pub fn sched_get_priority_max(call: &mut Call<'_>) -> Result<i64> {
    match call.int(0) {
        policy::FIFO | policy::RR => Ok(99),
        policy::OTHER | policy::BATCH | policy::IDLE | policy::DEADLINE => Ok(0),
        _ => Err(Errno::EINVAL),
    }
}

/// sched_get_priority_min(2).
pub fn sched_get_priority_min(call: &mut Call<'_>) -> Result<i64> {
    sched_get_priority_max(call).map(|most| most.min(1))
}

/// sched_rr_get_interval(2): the time slice.
pub fn sched_rr_get_interval(call: &mut Call<'_>) -> Result<i64> {
    thread_or_invalid(call.int(0))?;
    super::time::write_timespec(call.arg(1), sched::SLICE)?;
    Ok(0)
}

/// What getpriority(2), setpriority(2) and their ioprio relatives mean by a kind and an id.
enum Meant {
    Thread,
    Group,
    User,
}

fn members(group: Meant, id: i32) -> Result<Vec<Target>> {
    let caller = sched::current();
    let own = &caller.process;
    let uid = if id == 0 { caller.credentials.borrow().uid } else { id as u32 };
    let own_group = if id == 0 { own.group.get() } else { id };
    let mut members = match group {
        Meant::Thread => return Ok(alloc::vec![Target::of_thread(id)?]),
        Meant::Group => targets::members(&process::group(own_group), |group, _| group == own_group),
        Meant::User => targets::members(&process::all(), |_, user| user == uid),
    };
    if matches!(group, Meant::User) {
        let is_own = |target: &Target| match target {
            Target::Here(thread) => thread.credentials.borrow().uid == uid,
            Target::There(_) => true,
        };
        members.retain(is_own);
    }
    if members.is_empty() { Err(Errno::ESRCH) } else { Ok(members) }
}

fn by_who(which: i32, who: i32) -> Result<Vec<Target>> {
    match which {
        0 => members(Meant::Thread, who),
        1 => members(Meant::Group, who),
        2 => members(Meant::User, who),
        _ => Err(Errno::EINVAL),
    }
}

/// getpriority(2): 20 minus the lowest nice value.
pub fn getpriority(call: &mut Call<'_>) -> Result<i64> {
    let threads = by_who(call.int(0), call.int(1))?;
    let lowest = threads.iter().map(|thread| thread.scheduling().nice).min().unwrap_or(0);
    Ok(20 - lowest as i64)
}

fn set_nice(target: &Target, nice: i32) -> Result<()> {
    let nice = nice.clamp(-20, 19);
    let old = target.scheduling();
    let allowed = nice >= old.nice
        || (20 - nice) as u64 <= target.nice_limit()
        || sched::with_current(|caller| caller.credentials.borrow().has(cap::SYS_NICE));
    if !allowed {
        return Err(Errno::EACCES);
    }
    target.change(field::NICE, nice)
}

/// setpriority(2).
pub fn setpriority(call: &mut Call<'_>) -> Result<i64> {
    for target in by_who(call.int(0), call.int(1))? {
        target.check_owner()?;
        set_nice(&target, call.int(2))?;
    }
    Ok(0)
}

/// ioprio_get(2) and ioprio_set(2) count from 1.
fn by_io_who(which: i32, who: i32) -> Result<Vec<Target>> {
    if which < 1 { Err(Errno::EINVAL) } else { by_who(which - 1, who) }
}

/// ioprio_get(2).
pub fn ioprio_get(call: &mut Call<'_>) -> Result<i64> {
    let threads = by_io_who(call.int(0), call.int(1))?;
    Ok(threads.first().map_or(0, |thread| thread.scheduling().io) as i64)
}

/// ioprio_set(2).
pub fn ioprio_set(call: &mut Call<'_>) -> Result<i64> {
    let wanted = call.int(2);
    let (class, data) = (wanted >> 13, wanted & 0x1fff);
    match class {
        0 if data == 0 => {}
        1 if data < 8 => return Err(Errno::EPERM), // real-time
        2 if data < 8 => {}
        3 => {}
        _ => return Err(Errno::EINVAL),
    }
    for target in by_io_who(call.int(0), call.int(1))? {
        target.check_owner()?;
        target.change(field::IO, wanted)?;
    }
    Ok(0)
}

/// membarrier(2). With one vCPU every switch of threads orders all their accesses, and a CPU sees its own stores to code: there
/// is nothing to do, but a process has to register for the expedited commands first, as in Linux.
pub fn membarrier(call: &mut Call<'_>) -> Result<i64> {
    const QUERY: i32 = 0;
    const GLOBAL: i32 = 1;
    const GLOBAL_EXPEDITED: i32 = 2;
    const REGISTER_GLOBAL_EXPEDITED: i32 = 4;
    const PRIVATE_EXPEDITED: i32 = 8;
    const REGISTER_PRIVATE_EXPEDITED: i32 = 16;
    const PRIVATE_EXPEDITED_SYNC_CORE: i32 = 32;
    const REGISTER_PRIVATE_EXPEDITED_SYNC_CORE: i32 = 64;
    if call.uint(1) != 0 {
        return Err(Errno::EINVAL);
    }
    let command = call.int(0);
    sched::with_current(|thread| {
        let registered = &thread.process.barriers;
        match command {
            QUERY => Ok(127),
            GLOBAL | GLOBAL_EXPEDITED => Ok(0),
            REGISTER_GLOBAL_EXPEDITED | REGISTER_PRIVATE_EXPEDITED | REGISTER_PRIVATE_EXPEDITED_SYNC_CORE => {
                registered.set(registered.get() | command as u32);
                Ok(0)
            }
            PRIVATE_EXPEDITED | PRIVATE_EXPEDITED_SYNC_CORE => {
                // Each registration is the bit after its command's.
                if registered.get() & (command as u32) << 1 != 0 { Ok(0) } else { Err(Errno::EPERM) }
            }
            _ => Err(Errno::EINVAL),
        }
    })
}
