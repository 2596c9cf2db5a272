//! Users and groups: credentials(7). Per thread, as in Linux; C libraries make them per process.

use super::Call;
use crate::arch::{site, user};
use crate::session;
use crate::task::family::{Facts, Place, elsewhere};
use crate::task::{process, sched};
use alloc::rc::Rc;
use alloc::vec::Vec;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::fs::credentials::Credentials;

fn get<R>(f: impl FnOnce(&Credentials) -> R) -> R {
    sched::with_current(|thread| f(&thread.credentials.borrow()))
}

fn change<R>(f: impl FnOnce(&mut Credentials) -> R) -> R {
    sched::with_current(|thread| {
        let mut new = (**thread.credentials.borrow()).clone();
        let ids = |c: &Credentials| [c.uid, c.euid, c.suid];
        let result = f(&mut new);
        let has_other_ids = ids(&new) != ids(&thread.credentials.borrow());
        let effective = |c: &Credentials| [c.euid, c.egid, c.fsuid, c.fsgid];
        let acts_as_another = effective(&new) != effective(&thread.credentials.borrow());
        thread.credentials.replace(Rc::new(new));
        if acts_as_another && thread.process.parent_death_signal.replace(0) != 0 {
            elsewhere().describe(&thread.process, Facts::Options);
        }
        if has_other_ids {
            elsewhere().describe(&thread.process, Facts::Ids);
        }
        site::set_thread(thread);
        crate::mm::limits_changed(&thread.process);
        result
    })
}

/// getuid(2).
pub fn getuid(_: &mut Call<'_>) -> Result<i64> {
    Ok(get(|c| c.uid) as i64)
}
/// geteuid(2).
pub fn geteuid(_: &mut Call<'_>) -> Result<i64> {
    Ok(get(|c| c.euid) as i64)
}
/// getgid(2).
pub fn getgid(_: &mut Call<'_>) -> Result<i64> {
    Ok(get(|c| c.gid) as i64)
}
/// getegid(2).
pub fn getegid(_: &mut Call<'_>) -> Result<i64> {
    Ok(get(|c| c.egid) as i64)
}

fn write_three(call: &Call<'_>, ids: [u32; 3]) -> Result<i64> {
    for (n, id) in ids.into_iter().enumerate() {
        user::write_u32(call.arg(n), id)?;
    }
    Ok(0)
}

/// getresuid(2).
pub fn getresuid(call: &mut Call<'_>) -> Result<i64> {
    write_three(call, get(|c| [c.uid, c.euid, c.suid]))
}
/// getresgid(2).
pub fn getresgid(call: &mut Call<'_>) -> Result<i64> {
    write_three(call, get(|c| [c.gid, c.egid, c.sgid]))
}

/// setuid(2).
pub fn setuid(call: &mut Call<'_>) -> Result<i64> {
    change(|c| c.setuid(call.uint(0))).map(|()| 0)
}
/// setgid(2).
pub fn setgid(call: &mut Call<'_>) -> Result<i64> {
    change(|c| c.setgid(call.uint(0))).map(|()| 0)
}
/// setreuid(2).
pub fn setreuid(call: &mut Call<'_>) -> Result<i64> {
    change(|c| c.setreuid(call.uint(0), call.uint(1))).map(|()| 0)
}
/// setregid(2).
pub fn setregid(call: &mut Call<'_>) -> Result<i64> {
    change(|c| c.setregid(call.uint(0), call.uint(1))).map(|()| 0)
}
/// setresuid(2).
pub fn setresuid(call: &mut Call<'_>) -> Result<i64> {
    change(|c| c.setresuid(call.uint(0), call.uint(1), call.uint(2))).map(|()| 0)
}
/// setresgid(2).
pub fn setresgid(call: &mut Call<'_>) -> Result<i64> {
    change(|c| c.setresgid(call.uint(0), call.uint(1), call.uint(2))).map(|()| 0)
}
/// setfsuid(2): returns the old one, whatever happens.
pub fn setfsuid(call: &mut Call<'_>) -> Result<i64> {
    Ok(change(|c| c.setfsuid(call.uint(0))) as i64)
}
/// setfsgid(2).
pub fn setfsgid(call: &mut Call<'_>) -> Result<i64> {
    Ok(change(|c| c.setfsgid(call.uint(0))) as i64)
}

/// getgroups(2).
pub fn getgroups(call: &mut Call<'_>) -> Result<i64> {
    let groups = get(|c| c.groups.to_vec());
    let room = call.int(0);
    if room < 0 {
        return Err(Errno::EINVAL);
    }
    if room != 0 {
        if groups.len() > room as usize {
            return Err(Errno::EINVAL);
        }
        let bytes: Vec<u8> = groups.iter().flat_map(|gid| gid.to_le_bytes()).collect();
        user::write(call.arg(1), &bytes)?;
    }
    Ok(groups.len() as i64)
}

/// setgroups(2).
pub fn setgroups(call: &mut Call<'_>) -> Result<i64> {
    const MOST: u32 = 65536;
    if get(|c| c.euid) != 0 {
        return Err(Errno::EPERM);
    }
    let count = call.uint(0);
    if count > MOST {
        return Err(Errno::EINVAL);
    }
    let mut bytes = alloc::vec![0; count as usize * 4];
    user::read(call.arg(1), &mut bytes)?;
    let groups: Vec<u32> =
        bytes.chunks_exact(4).map(|gid| u32::from_le_bytes(gid.try_into().expect("four bytes"))).collect();
    change(|c| c.setgroups(&groups)).map(|()| 0)
}

/// Where the process with that id stands; 0: the caller.
fn place(pid: i32) -> Result<Place> {
    session::look();
    let process = match pid {
        0 => Some(sched::with_current(|thread| thread.process.clone())),
        pid => process::of_id(pid),
    };
    match process {
        Some(process) => Ok(Place { group: process.group.get(), session: process.session.get() }),
        None => elsewhere().place(pid).ok_or(Errno::ESRCH),
    }
}

/// getpgid(2).
pub fn getpgid(call: &mut Call<'_>) -> Result<i64> {
    Ok(place(call.int(0))?.group as i64)
}
/// getpgrp(2).
pub fn getpgrp(_: &mut Call<'_>) -> Result<i64> {
    Ok(place(0)?.group as i64)
}
/// getsid(2).
pub fn getsid(call: &mut Call<'_>) -> Result<i64> {
    Ok(place(call.int(0))?.session as i64)
}

/// setsid(2).
pub fn setsid(_: &mut Call<'_>) -> Result<i64> {
    session::look();
    let process = sched::with_current(|thread| thread.process.clone());
    let pid = process.pid.get();
    if process.group.get() == pid || !process::group(pid).is_empty() {
        return Err(Errno::EPERM);
    }
    let before = (process.group.replace(pid), process.session.replace(pid));
    if let Err(error) = elsewhere().has_changed_place(&process) {
        // Somebody elsewhere is in a group of that number.
        process.group.set(before.0);
        process.session.set(before.1);
        return Err(error);
    }
    Ok(pid as i64)
}

/// setpgid(2).
pub fn setpgid(call: &mut Call<'_>) -> Result<i64> {
    let (pid, group) = (call.int(0), call.int(1));
    if group < 0 {
        return Err(Errno::EINVAL);
    }
    session::look();
    let caller = sched::with_current(|thread| thread.process.clone());
    let target = if pid == 0 { Some(caller.clone()) } else { process::of_id(pid) };
    let Some(target) = target else {
        return elsewhere().set_group(pid, group).map(|()| 0);
    };
    if !Rc::ptr_eq(&target, &caller) {
        if !target.family.parent().is_some_and(|parent| Rc::ptr_eq(&parent, &caller)) {
            return Err(Errno::ESRCH);
        }
        if target.session != caller.session {
            return Err(Errno::EPERM);
        }
        if target.family.has_executed.get() {
            return Err(Errno::EACCES);
        }
    }
    let (own, session) = (target.pid.get(), target.session.get());
    if own == session {
        return Err(Errno::EPERM);
    }
    let group = if group == 0 { own } else { group };
    let exists = || {
        process::group(group).iter().any(|member| member.session.get() == session)
            || elsewhere().has_group(group, session)
    };
    if group != own && !exists() {
        return Err(Errno::EPERM);
    }
    let before = target.group.replace(group);
    if let Err(error) = elsewhere().has_changed_place(&target) {
        target.group.set(before);
        return Err(error);
    }
    Ok(0)
}

/// sethostname(2).
pub fn sethostname(call: &mut Call<'_>) -> Result<i64> {
    if get(|c| c.euid) != 0 {
        return Err(Errno::EPERM);
    }
    if call.arg(1) > 64 {
        return Err(Errno::EINVAL);
    }
    let mut name = alloc::vec![0; call.arg(1)];
    user::read(call.arg(0), &mut name)?;
    crate::boot::set_hostname(name);
    Ok(0)
}
