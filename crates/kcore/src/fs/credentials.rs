//! Who a task is: user and group ids, supplementary groups, capabilities (credentials(7), capabilities(7)).

use crate::errno::{Errno, Result};
use crate::sort;
use alloc::rc::Rc;
use alloc::vec::Vec;

/// Capability numbers (`linux/capability.h`).
pub mod cap {
    /// Change owners of files.
    pub const CHOWN: u32 = 0;
    /// Ignore file permissions.
    pub const DAC_OVERRIDE: u32 = 1;
    /// Ignore read permission, and search permission on directories.
    pub const DAC_READ_SEARCH: u32 = 2;
    /// Do what only a file's owner may.
    pub const FOWNER: u32 = 3;
    /// Keep set-user-ID and set-group-ID bits.
    pub const FSETID: u32 = 4;
    /// Signal any process.
    pub const KILL: u32 = 5;
    /// Change group ids.
    pub const SETGID: u32 = 6;
    /// Change user ids.
    pub const SETUID: u32 = 7;
    /// Change capability sets.
    pub const SETPCAP: u32 = 8;
    /// Bind to ports below 1024.
    pub const NET_BIND_SERVICE: u32 = 10;
    /// Network administration; privileged socket options.
    pub const NET_ADMIN: u32 = 12;
    /// Raw sockets.
    pub const NET_RAW: u32 = 13;
    /// Lock memory beyond the limit.
    pub const IPC_LOCK: u32 = 14;
    /// chroot(2).
    pub const SYS_CHROOT: u32 = 18;
    /// Look into other processes.
    pub const SYS_PTRACE: u32 = 19;
    /// Administration: mount(2) and much else.
    pub const SYS_ADMIN: u32 = 21;
    /// Restart the machine.
    pub const SYS_BOOT: u32 = 22;
    /// Raise priorities.
    pub const SYS_NICE: u32 = 23;
    /// Raise limits.
    pub const SYS_RESOURCE: u32 = 24;
    /// Make device files.
    pub const MKNOD: u32 = 27;
    /// Highest known capability (CHECKPOINT_RESTORE).
    pub const LAST: u32 = 40;
    /// All capabilities.
    pub const ALL: u64 = (1 << (LAST + 1)) - 1;
    /// Those that follow the file system user id (capabilities(7), "Effect of user ID changes").
    pub const FILE_SYSTEM: u64 = 1 << CHOWN
        | 1 << DAC_OVERRIDE
        | 1 << DAC_READ_SEARCH
        | 1 << FOWNER
        | 1 << FSETID
        | 1 << 9
        | 1 << MKNOD
        | 1 << 32;
}

/// Most supplementary groups (NGROUPS_MAX).
pub const GROUPS_MAX: usize = 65536;
const KEEP: u32 = u32::MAX;

/// Credentials of a task. Copied by fork(2); the umask is apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Real user id.
    pub uid: u32,
    /// Effective user id.
    pub euid: u32,
    /// Saved set-user-ID.
    pub suid: u32,
    /// File system user id.
    pub fsuid: u32,
    /// Real group id.
    pub gid: u32,
    /// Effective group id.
    pub egid: u32,
    /// Saved set-group-ID.
    pub sgid: u32,
    /// File system group id.
    pub fsgid: u32,
    /// Supplementary groups.
    pub groups: Rc<[u32]>,
    /// Effective capabilities.
    pub effective: u64,
    /// Permitted capabilities.
    pub permitted: u64,
    /// Inheritable capabilities.
    pub inheritable: u64,
    /// Bounding set.
    pub bounding: u64,
    /// Ambient set.
    pub ambient: u64,
    /// prctl(PR_SET_KEEPCAPS).
    pub keep_capabilities: bool,
    /// prctl(PR_SET_NO_NEW_PRIVS).
    pub no_new_privileges: bool,
}

impl Credentials {
    /// The superuser with all capabilities.
    pub fn root() -> Self {
        Self::user(0, 0, &[])
    }

    /// User `uid` in group `gid` with supplementary `groups`, as login(1) makes it.
    pub fn user(uid: u32, gid: u32, groups: &[u32]) -> Self {
        let capabilities = if uid == 0 { cap::ALL } else { 0 };
        Credentials {
            uid,
            euid: uid,
            suid: uid,
            fsuid: uid,
            gid,
            egid: gid,
            sgid: gid,
            fsgid: gid,
            groups: groups.into(),
            effective: capabilities,
            permitted: capabilities,
            inheritable: 0,
            bounding: cap::ALL,
            ambient: 0,
            keep_capabilities: false,
            no_new_privileges: false,
        }
    }

    /// Whether capability `number` is effective.
    pub const fn has(&self, number: u32) -> bool {
        self.effective & (1 << number) != 0
    }

    /// Whether `gid` is the file system group or a supplementary group.
    pub fn in_group(&self, gid: u32) -> bool {
        self.fsgid == gid || self.groups.contains(&gid)
    }

    /// Credentials with the real ids in the place of the file system ids, for access(2).
    pub fn with_real_ids(&self) -> Credentials {
        let mut real = self.clone();
        (real.fsuid, real.fsgid) = (self.uid, self.gid);
        // access(2) of Linux: a real uid of 0 uses the permitted set, any other none.
        real.effective = if self.uid == 0 { self.permitted } else { 0 };
        real
    }

    fn user_ids_changed(&mut self, old: (u32, u32, u32)) {
        let had_root = old.0 == 0 || old.1 == 0 || old.2 == 0;
        let has_root = self.uid == 0 || self.euid == 0 || self.suid == 0;
        if had_root && !has_root {
            if !self.keep_capabilities {
                self.permitted = 0;
                self.effective = 0;
            }
            self.ambient = 0;
        }
        if old.1 == 0 && self.euid != 0 {
            self.effective = 0;
        } else if old.1 != 0 && self.euid == 0 {
            self.effective = self.permitted;
        }
    }

    fn set_fs_user(&mut self, uid: u32) {
        let old = core::mem::replace(&mut self.fsuid, uid);
        if old == 0 && uid != 0 {
            self.effective &= !cap::FILE_SYSTEM;
        } else if old != 0 && uid == 0 {
            self.effective |= self.permitted & cap::FILE_SYSTEM;
        }
    }

    /// setuid(2).
    ///
    /// # Errors
    /// EINVAL, EPERM.
    pub fn setuid(&mut self, uid: u32) -> Result<()> {
        let old = (self.uid, self.euid, self.suid);
        if uid == KEEP {
            return Err(Errno::EINVAL);
        }
        if self.has(cap::SETUID) {
            (self.uid, self.suid) = (uid, uid);
        } else if uid != self.uid && uid != self.suid {
            return Err(Errno::EPERM);
        }
        (self.euid, self.fsuid) = (uid, uid);
        self.user_ids_changed(old);
        Ok(())
    }

    /// setreuid(2); `u32::MAX` leaves an id.
    ///
    /// # Errors
    /// EPERM.
    pub fn setreuid(&mut self, real: u32, effective: u32) -> Result<()> {
        let old = (self.uid, self.euid, self.suid);
        let privileged = self.has(cap::SETUID);
        if real != KEEP && !privileged && real != self.uid && real != self.euid {
            return Err(Errno::EPERM);
        }
        if effective != KEEP && !privileged && ![self.uid, self.euid, self.suid].contains(&effective) {
            return Err(Errno::EPERM);
        }
        if real != KEEP {
            self.uid = real;
        }
        if effective != KEEP {
            self.euid = effective;
        }
        if real != KEEP || (effective != KEEP && effective != old.0) {
            self.suid = self.euid;
        }
        self.fsuid = self.euid;
        self.user_ids_changed(old);
        Ok(())
    }

    /// setresuid(2); `u32::MAX` leaves an id.
    ///
    /// # Errors
    /// EPERM.
    pub fn setresuid(&mut self, real: u32, effective: u32, saved: u32) -> Result<()> {
        let old = (self.uid, self.euid, self.suid);
        if !self.has(cap::SETUID) {
            let allowed = [KEEP, self.uid, self.euid, self.suid];
            if ![real, effective, saved].iter().all(|id| allowed.contains(id)) {
                return Err(Errno::EPERM);
            }
        }
        if real != KEEP {
            self.uid = real;
        }
        if effective != KEEP {
            self.euid = effective;
        }
        if saved != KEEP {
            self.suid = saved;
        }
        self.fsuid = self.euid;
        self.user_ids_changed(old);
        Ok(())
    }

    /// setfsuid(2): returns the previous id whether or not it changed.
    pub fn setfsuid(&mut self, uid: u32) -> u32 {
        let old = self.fsuid;
        let allowed = [self.uid, self.euid, self.suid, self.fsuid].contains(&uid) || self.has(cap::SETUID);
        if uid != KEEP && allowed {
            self.set_fs_user(uid);
        }
        old
    }

    /// setgid(2).
    ///
    /// # Errors
    /// EINVAL, EPERM.
    pub fn setgid(&mut self, gid: u32) -> Result<()> {
        if gid == KEEP {
            return Err(Errno::EINVAL);
        }
        if self.has(cap::SETGID) {
            (self.gid, self.sgid) = (gid, gid);
        } else if gid != self.gid && gid != self.sgid {
            return Err(Errno::EPERM);
        }
        (self.egid, self.fsgid) = (gid, gid);
        Ok(())
    }

    /// setregid(2); `u32::MAX` leaves an id.
    ///
    /// # Errors
    /// EPERM.
    pub fn setregid(&mut self, real: u32, effective: u32) -> Result<()> {
        let old = self.gid;
        let privileged = self.has(cap::SETGID);
        if real != KEEP && !privileged && real != self.gid && real != self.egid {
            return Err(Errno::EPERM);
        }
        if effective != KEEP && !privileged && ![self.gid, self.egid, self.sgid].contains(&effective) {
            return Err(Errno::EPERM);
        }
        if real != KEEP {
            self.gid = real;
        }
        if effective != KEEP {
            self.egid = effective;
        }
        if real != KEEP || (effective != KEEP && effective != old) {
            self.sgid = self.egid;
        }
        self.fsgid = self.egid;
        Ok(())
    }

    /// setresgid(2); `u32::MAX` leaves an id.
    ///
    /// # Errors
    /// EPERM.
    pub fn setresgid(&mut self, real: u32, effective: u32, saved: u32) -> Result<()> {
        if !self.has(cap::SETGID) {
            let allowed = [KEEP, self.gid, self.egid, self.sgid];
            if ![real, effective, saved].iter().all(|id| allowed.contains(id)) {
                return Err(Errno::EPERM);
            }
        }
        if real != KEEP {
            self.gid = real;
        }
        if effective != KEEP {
            self.egid = effective;
        }
        if saved != KEEP {
            self.sgid = saved;
        }
        self.fsgid = self.egid;
        Ok(())
    }

    /// setfsgid(2): returns the previous id whether or not it changed.
    pub fn setfsgid(&mut self, gid: u32) -> u32 {
        let old = self.fsgid;
        let allowed = [self.gid, self.egid, self.sgid, self.fsgid].contains(&gid) || self.has(cap::SETGID);
        if gid != KEEP && allowed {
            self.fsgid = gid;
        }
        old
    }

    /// setgroups(2).
    ///
    /// # Errors
    /// EPERM, EINVAL (too many).
    pub fn setgroups(&mut self, groups: &[u32]) -> Result<()> {
        if !self.has(cap::SETGID) {
            return Err(Errno::EPERM);
        }
        if groups.len() > GROUPS_MAX {
            return Err(Errno::EINVAL);
        }
        let mut sorted: Vec<u32> = groups.to_vec();
        sort::by_key(&mut sorted, |id| *id);
        self.groups = sorted.into();
        Ok(())
    }

    /// Credentials after execve(2) of a file with this owner and mode (already without the set-id bits where the mount says
    /// nosuid): set-user-ID, set-group-ID and the capability sets of capabilities(7), without file capabilities (Linux:
    /// `cap_bprm_creds_from_file`). The flag says whether the program is to run in secure mode (`AT_SECURE`).
    pub fn after_exec(&self, owner: u32, group: u32, mode: u32) -> (Credentials, bool) {
        let mut new = self.clone();
        if !self.no_new_privileges {
            if mode & crate::stat::S_ISUID != 0 {
                new.euid = owner;
            }
            // Without group execution the bit marks mandatory locking.
            if mode & crate::stat::S_ISGID != 0 && mode & 0o010 != 0 {
                new.egid = group;
            }
        }
        if new.uid == 0 || new.euid == 0 {
            new.permitted = self.inheritable | self.bounding;
        } else {
            new.permitted = 0;
        }
        let set_id = new.euid != self.uid || new.egid != self.gid;
        if self.no_new_privileges && (set_id || new.permitted & !self.permitted != 0) {
            (new.euid, new.egid) = (new.uid, new.gid);
            new.permitted &= self.permitted;
        }
        (new.suid, new.fsuid, new.sgid, new.fsgid) = (new.euid, new.euid, new.egid, new.egid);
        if set_id {
            new.ambient = 0;
        }
        new.permitted |= new.ambient;
        new.effective = if new.euid == 0 { new.permitted } else { new.ambient };
        new.keep_capabilities = false;
        let grown = new.permitted & !new.ambient != 0;
        (new, set_id || (self.uid != 0 && grown))
    }
}
