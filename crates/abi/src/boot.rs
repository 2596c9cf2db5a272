//! What the VMM tells the kernel at boot.

/// The page at `BOOT_OFFSET`. Written by the VMM before boot; plain data.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct BootInfo {
    /// [`crate::ABI_VERSION`].
    pub abi_version: u32,
    /// Bits of [`flag`].
    pub flags: u32,
    /// RAM present at boot, bytes.
    pub ram_size: u64,
    /// RAM limit, bytes: `GROW_RAM` reaches it.
    pub ram_limit: u64,
    /// Bytes of the image at `IMAGE_GPA`; 0: none.
    pub image_size: u64,
    /// Extended control register 0 as set in the vCPU: which vector state there is (SDM vol. 1, 13.3).
    pub xcr0: u64,
    /// Bytes of the records at `RECORDS_OFFSET`.
    pub records_length: u64,
    /// TSC ticks per second.
    pub tsc_hz: u64,
    /// Host CPUs, for programs that ask (the VM itself has one vCPU).
    pub host_cpus: u64,
}

/// Bits of [`BootInfo::flags`].
pub mod flag {
    /// The console is a terminal.
    pub const TERMINAL: u32 = 1 << 0;
    /// Trace system calls into the trace ring.
    pub const STRACE: u32 = 1 << 1;
    /// The CPU has FSGSBASE and CR4.FSGSBASE is set.
    pub const FSGSBASE: u32 = 1 << 2;
    /// Do not patch system call sites (for tests and comparisons).
    pub const NO_PATCHING: u32 = 1 << 3;
}

/// A record: this header, then `length` bytes, then padding to a multiple of 8.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct RecordHeader {
    /// One of [`tag`].
    pub tag: u32,
    /// Bytes that follow.
    pub length: u32,
}

/// Tags of boot records. Strings are bytes without a terminating zero.
pub mod tag {
    /// One argument of the program; the first one is the program itself, looked up in PATH if it has no slash.
    pub const ARGUMENT: u32 = 1;
    /// One `NAME=VALUE` of the environment.
    pub const ENVIRONMENT: u32 = 2;
    /// Working directory.
    pub const DIRECTORY: u32 = 3;
    /// `uid[:gid]` or `name[:group]`, looked up in the image's /etc/passwd and /etc/group.
    pub const USER: u32 = 4;
    /// Host name.
    pub const HOSTNAME: u32 = 5;
    /// A volume: u32 index (the root's fid in [`crate::hostfs`] is the index), u32 flags (bit 0: read-only), then
    /// the mount point's path.
    pub const VOLUME: u32 = 6;
}

const _: () = assert!(size_of::<BootInfo>() == 64);
