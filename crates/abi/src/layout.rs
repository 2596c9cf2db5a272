//! Address space layout: guest-physical (`_GPA`) and guest-virtual addresses, all in bytes.
//!
//! All guest-physical addresses are below 512 GiB, so that the direct map is one top-level entry.

/// A small page, in bytes.
pub const PAGE_SIZE: u64 = 4096;
/// A large page, in bytes.
pub const LARGE_PAGE_SIZE: u64 = 2 << 20;

/// End of the address space that programs may use (Linux: `TASK_SIZE_MAX` with four-level paging).
pub const PROGRAM_END: u64 = 0x7fff_ffff_f000;

/// The kernel's view of all guest-physical memory: virtual = `DIRECT_MAP` + physical. Mapped with large
/// pages, user-accessible, writable (the image: read-only), never executable.
pub const DIRECT_MAP: u64 = 0xffff_c000_0000_0000;

/// Kernel window: virtual = `KERNEL_WINDOW` + physical for the first [`KERNEL_WINDOW_SIZE`] bytes of RAM,
/// user-accessible, writable and executable. Within reach of sign-extended 32-bit addresses.
pub const KERNEL_WINDOW: u64 = 0xffff_ffff_8000_0000;
/// Bytes of RAM that the kernel window shows.
pub const KERNEL_WINDOW_SIZE: u64 = 8 << 20;
/// From here to the top of the address space all code belongs to the kernel: an upcall that is not an
/// exception is not delivered while RIP is at or above it (see [`crate::header`]), except in the site
/// trampolines, which can be rolled back.
pub const KERNEL_CODE_START: u64 = KERNEL_WINDOW;

/// First guest-physical address of RAM.
pub const RAM_GPA: u64 = 0;
/// Upper limit for the size of RAM.
pub const RAM_MAX: u64 = 128 << 30;

/// The top-level page table, and its identical twin at the next page: loading the other one into CR3
/// flushes the TLB everywhere (`kvm-facts`: the same value does not on software KVM).
pub const ROOT_TABLE_GPA: u64 = 0x1000;
/// Twin of the top-level table.
pub const ROOT_TABLE_TWIN_GPA: u64 = 0x2000;
/// Page-directory-pointer table of the direct map.
pub const DIRECT_PDPT_GPA: u64 = 0x3000;
/// Page directory of the direct map's first GiB.
pub const DIRECT_PD_GPA: u64 = 0x4000;
/// Page-directory-pointer table of the kernel's top 2 GiB.
pub const KERNEL_PDPT_GPA: u64 = 0x5000;
/// Page directory of the kernel window (first GiB of the top 2 GiB).
pub const KERNEL_PD_GPA: u64 = 0x6000;
/// Page directory of the direct map's GiB that holds the shared area.
pub const SHARED_PD_GPA: u64 = 0x7000;
/// The page holding the global descriptor table, the task state segment and the interrupt descriptor
/// table starts here (two pages). Written by the VMM before boot.
pub const DESCRIPTOR_TABLES_GPA: u64 = 0x8000;
/// The page of ring 0 trap stubs. Written by the VMM before boot; mapped in the kernel window.
pub const STUBS_GPA: u64 = 0xa000;
/// Stack for ring 0 entries, one page. An exception's frame is at its top: see [`trap_frame`].
pub const TRAP_STACK_GPA: u64 = 0xb000;

/// Jump table for patched system call sites: 8 bytes a site, `jmp *abs32` reads it. Bits 16-23 of every
/// entry's address are 0x06 or 0x07, which are invalid opcodes in 64-bit mode (SDM vol. 2, appendix A): a jump
/// into the old `syscall` bytes of a patched site raises #UD instead of running something else.
pub const SITE_TABLE_GPA: u64 = 0x6_0000;
/// Bytes in the site table.
pub const SITE_TABLE_SIZE: u64 = 0x2_0000;
/// Code of the per-site trampolines, [`SITE_TRAMPOLINE_SIZE`] bytes each, same order as the site table.
pub const SITE_TRAMPOLINES_GPA: u64 = 0x8_0000;
/// Bytes of one trampoline.
pub const SITE_TRAMPOLINE_SIZE: u64 = 32;
/// Number of patchable sites in one VM.
pub const SITES: u64 = SITE_TABLE_SIZE / 8;

/// The kernel image is linked at `KERNEL_WINDOW + KERNEL_GPA` and loaded at `KERNEL_GPA`.
pub const KERNEL_GPA: u64 = 0x20_0000;
/// Most bytes that the kernel image (with its bss) may take.
pub const KERNEL_MAX: u64 = 4 << 20;
/// From here to [`FREE_RAM_GPA`] is nothing of the kernel's: the VMM keeps page tables there in a VM whose accesses it watches.
pub const SPARE_TABLES_GPA: u64 = KERNEL_GPA + (3 << 20);
/// RAM from here on is the kernel's to allocate.
pub const FREE_RAM_GPA: u64 = KERNEL_GPA + KERNEL_MAX;

/// The image (EROFS), read-only memory slot.
pub const IMAGE_GPA: u64 = 0x20_0000_0000;
/// Upper limit for the size of an image.
pub const IMAGE_MAX: u64 = 64 << 30;

/// The area that guest and VMM share, see the `*_OFFSET` constants; its own memory slot.
pub const SHARED_GPA: u64 = 0x38_0000_0000;
/// Bytes of the shared area.
pub const SHARED_SIZE: u64 = 4 << 20;
/// Where the kernel sees the shared area (also reachable through the direct map).
pub const SHARED_WINDOW: u64 = 0xffff_ffff_9000_0000;

/// The channel to the session's keeper ([`crate::session`]), its own memory slot, from the hypercall SESSION_OPEN on (in a child of a
/// fork: from its first instruction on).
pub const SESSION_GPA: u64 = SHARED_GPA + SHARED_SIZE;
/// Where the kernel sees it.
pub const SESSION_WINDOW: u64 = SHARED_WINDOW + SHARED_SIZE;

/// Window in which host files of volumes are mapped on request.
pub const VOLUME_GPA: u64 = 0x40_0000_0000;
/// Bytes of the volume window.
pub const VOLUME_SIZE: u64 = 0x3f_0000_0000;

/// Offset in the shared area of the [`crate::mailbox::Mailbox`].
pub const MAILBOX_OFFSET: u64 = 0;
/// Offset of the [`crate::syscall::Counters`], in the mailbox's page.
pub const COUNTERS_OFFSET: u64 = 0x80;
/// Offset of the [`crate::time::TimePage`], also mapped read-only into the program for its vDSO.
pub const TIME_OFFSET: u64 = 0x1000;
/// Offset of the [`crate::identity::Identity`] page.
pub const IDENTITY_OFFSET: u64 = 0x2000;
/// Offset of the [`crate::ring::Console`] page.
pub const CONSOLE_OFFSET: u64 = 0x3000;
/// Offset of the [`crate::boot::BootInfo`] page.
pub const BOOT_OFFSET: u64 = 0x4000;
/// Offset of the text of a kernel panic or log line, [`LOG_SIZE`] bytes.
pub const LOG_OFFSET: u64 = 0x8000;
/// Bytes of the log area.
pub const LOG_SIZE: u64 = 0x1000;
/// Offset of the list of pages for [`crate::header::KernelHeader::park_entry`], [`TOUCH_SIZE`] bytes: their number, then for each its
/// virtual address, with bit 0 set if it is to be written. Written by the VMM.
pub const TOUCH_OFFSET: u64 = 0x9000;
/// Bytes of that list.
pub const TOUCH_SIZE: u64 = 0x7000;
/// Offset of the console's rings: input, output, error, trace, [`RING_SIZE`] bytes each.
pub const RINGS_OFFSET: u64 = 0x1_0000;
/// Bytes of one ring, a power of two.
pub const RING_SIZE: u64 = 0x1_0000;
/// Offset of the host file system's request and data buffer.
pub const HOSTFS_OFFSET: u64 = 0x8_0000;
/// Bytes of the host file system buffer; the request is in its first page, data follow.
pub const HOSTFS_SIZE: u64 = 0x8_0000;
/// Offset of the boot records (arguments, environment ...): see [`crate::boot`].
pub const RECORDS_OFFSET: u64 = 0x10_0000;
/// Most bytes of boot records.
pub const RECORDS_SIZE: u64 = 0x10_0000;
/// Offset of the identity's JSON document: see [`crate::identity`].
pub const PAYLOAD_OFFSET: u64 = 0x20_0000;
/// Most bytes of the identity's document.
pub const PAYLOAD_SIZE: u64 = 0x20_0000;

/// Where an exception's frame lies on the trap stack: guest-physical addresses. The CPU pushes SS, RSP,
/// RFLAGS, CS, RIP and for some vectors an error code (SDM vol. 3, 6.14), from the top downwards.
pub mod trap_frame {
    use super::TRAP_STACK_GPA;
    /// First address past the trap stack; TSS.RSP0 is its kernel window address.
    pub const TOP_GPA: u64 = TRAP_STACK_GPA + 0x1000;
    /// Saved stack pointer.
    pub const RSP_GPA: u64 = TOP_GPA - 16;
    /// Saved flags.
    pub const RFLAGS_GPA: u64 = TOP_GPA - 24;
    /// Saved code segment selector.
    pub const CS_GPA: u64 = TOP_GPA - 32;
    /// Saved instruction pointer.
    pub const RIP_GPA: u64 = TOP_GPA - 40;
    /// Error code, for vectors 8, 10-14, 17, 21, 29 and 30.
    pub const ERROR_GPA: u64 = TOP_GPA - 48;
    /// Exception vectors that push an error code (SDM vol. 3, table 6-1), as a bit mask.
    pub const WITH_ERROR_CODE: u32 = 1 << 8 | 0x1f << 10 | 1 << 14 | 1 << 17 | 1 << 21 | 1 << 29 | 1 << 30;
}

/// Segment selectors, equal to Linux's on x86-64: programs see the values they know, and the software KVM
/// of some hosts runs user code with the host's own selectors.
pub mod selector {
    /// Ring 0 code.
    pub const KERNEL_CODE: u16 = 0x10;
    /// Ring 0 data.
    pub const KERNEL_DATA: u16 = 0x18;
    /// Ring 3 data and stack (RPL 3).
    pub const USER_DATA: u16 = 0x2b;
    /// Ring 3 64-bit code (RPL 3).
    pub const USER_CODE: u16 = 0x33;
    /// Task state segment (two slots).
    pub const TASK_STATE: u16 = 0x40;
}

const _: () = {
    assert!(FREE_RAM_GPA <= KERNEL_WINDOW_SIZE);
    assert!(
        (SITE_TABLE_GPA >> 16) & 0xff == 0x06
            && ((SITE_TABLE_GPA + SITE_TABLE_SIZE - 8) >> 16) & 0xff == 0x07
    );
    assert!(SITE_TRAMPOLINES_GPA + SITES * SITE_TRAMPOLINE_SIZE <= KERNEL_GPA);
    assert!(VOLUME_GPA + VOLUME_SIZE <= 512 << 30);
    assert!(IMAGE_GPA + IMAGE_MAX <= SHARED_GPA);
    assert!(LOG_OFFSET + LOG_SIZE <= TOUCH_OFFSET && TOUCH_OFFSET + TOUCH_SIZE <= RINGS_OFFSET);
    assert!(RINGS_OFFSET + 4 * RING_SIZE <= HOSTFS_OFFSET);
    assert!(HOSTFS_OFFSET + HOSTFS_SIZE <= RECORDS_OFFSET);
    assert!(PAYLOAD_OFFSET + PAYLOAD_SIZE <= SHARED_SIZE);
};
