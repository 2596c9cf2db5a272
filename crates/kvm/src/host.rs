//! The open `/dev/kvm` and what it offers.

use crate::{Error, cpuid};
use kvm_bindings::{CpuId, KVM_MAX_CPUID_ENTRIES};
use kvm_ioctls::{Cap, Kvm};
use std::io;
use std::sync::atomic::AtomicBool;

/// Why KVM cannot be used at all. Each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No device.
    #[error(
        "/dev/kvm does not exist: load the kvm module (kvm_intel, kvm_amd), or run where virtualization is enabled"
    )]
    Missing,
    /// The device may not be opened.
    #[error("no permission to open /dev/kvm: add the user to the group that owns it (usually kvm)")]
    Permission,
    /// Another error of open(2).
    #[error("cannot open /dev/kvm: {0}")]
    Open(io::Error),
    /// KVM is too old or lacks something Ramet needs.
    #[error("this host's KVM lacks {0}")]
    Lacks(&'static str),
    /// An ioctl failed.
    #[error(transparent)]
    Ioctl(#[from] Error),
}

/// The open device, with everything that is the same for all VMs of this host. It survives `fork(2)`: nothing in
/// it belongs to an address space.
#[derive(Debug)]
pub struct Host {
    pub(crate) kvm: Kvm,
    pub(crate) cpuid: CpuId,
    pub(crate) xcr0: u64,
    pub(crate) fsgsbase: bool,
    pub(crate) xsave_size: usize,
    /// A new vCPU's time stamp counter is the host's without being told.
    pub(crate) tsc_is_host: AtomicBool,
}

impl Host {
    /// Opens `/dev/kvm` and checks that it has what Ramet needs.
    pub fn open() -> Result<Self, OpenError> {
        let kvm = Kvm::new().map_err(|e| match e.errno() {
            libc::ENOENT | libc::ENODEV | libc::ENXIO => OpenError::Missing,
            libc::EACCES | libc::EPERM => OpenError::Permission,
            errno => OpenError::Open(io::Error::from_raw_os_error(errno)),
        })?;
        if kvm.get_api_version() != 12 {
            return Err(OpenError::Lacks("API version 12"));
        }
        for (cap, name) in [
            (Cap::UserMemory, "KVM_CAP_USER_MEMORY"),
            (Cap::ReadonlyMem, "KVM_CAP_READONLY_MEM"),
            (Cap::SyncRegs, "KVM_CAP_SYNC_REGS"),
            (Cap::ImmediateExit, "KVM_CAP_IMMEDIATE_EXIT"),
            (Cap::VcpuEvents, "KVM_CAP_VCPU_EVENTS"),
            (Cap::Xsave, "KVM_CAP_XSAVE"),
            (Cap::Xcrs, "KVM_CAP_XCRS"),
        ] {
            if !kvm.check_extension(cap) {
                return Err(OpenError::Lacks(name));
            }
        }
        let mut cpuid =
            kvm.get_supported_cpuid(KVM_MAX_CPUID_ENTRIES).map_err(Error::of("KVM_GET_SUPPORTED_CPUID"))?;
        if cpuid::add_native(&mut cpuid) {
            cpuid::shorten_cache_search(&mut cpuid);
        }
        let features = cpuid::restrict(&mut cpuid);
        // KVM_CAP_XSAVE2 answers the size that KVM_GET_XSAVE2 writes, 0 where there is only KVM_GET_XSAVE.
        let xsave_size = usize::try_from(kvm.check_extension_int(Cap::Xsave2)).unwrap_or(0);
        Ok(Self {
            kvm,
            cpuid,
            xcr0: features.xcr0,
            fsgsbase: features.fsgsbase,
            xsave_size,
            tsc_is_host: AtomicBool::new(false),
        })
    }

    /// Extended control register 0 that vCPUs of this host get: the vector state that the guest may use.
    pub fn xcr0(&self) -> u64 {
        self.xcr0
    }

    /// Whether CR4.FSGSBASE is set in vCPUs of this host.
    pub fn fsgsbase(&self) -> bool {
        self.fsgsbase
    }

    /// `KVM_CHECK_EXTENSION` for a capability of `kvm.h` by its number.
    pub fn capability(&self, number: u32) -> i32 {
        self.kvm.check_extension_raw(number.into())
    }

    /// The open device: the one descriptor that a child of `fork(2)` keeps.
    pub fn descriptor(&self) -> std::os::fd::RawFd {
        std::os::fd::AsRawFd::as_raw_fd(&self.kvm)
    }

    /// `KVM_GET_API_VERSION`.
    pub fn api_version(&self) -> i32 {
        self.kvm.get_api_version()
    }
}
