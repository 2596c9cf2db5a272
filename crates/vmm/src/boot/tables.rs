//! Page tables, descriptor tables and trap stubs: what the CPU needs before the kernel's first instruction.

use ramet_abi::hypercall::{DOORBELL_PORT, HYPERCALL_PORT, HYPERCALLS, SYSCALL_PORT, TRAP_PORT};
use ramet_abi::layout::*;
use ramet_abi::session::CHANNEL_SIZE;
use ramet_memory::{OutOfBounds, Ram};

/// Page table entry bits (SDM vol. 3, 4.5).
mod entry {
    pub const PRESENT: u64 = 1 << 0;
    pub const WRITABLE: u64 = 1 << 1;
    pub const USER: u64 = 1 << 2;
    pub const LARGE: u64 = 1 << 7;
    pub const NO_EXECUTE: u64 = 1 << 63;
    /// An entry that points to another table.
    pub const TABLE: u64 = PRESENT | WRITABLE | USER;
    /// A 2 MiB page of data.
    pub const DATA: u64 = TABLE | LARGE | NO_EXECUTE;
    /// A 2 MiB page of the kernel window.
    pub const KERNEL: u64 = TABLE | LARGE;
}

/// Where the tables lie in the two descriptor pages.
const GDT_GPA: u64 = DESCRIPTOR_TABLES_GPA;
const TSS_GPA: u64 = DESCRIPTOR_TABLES_GPA + 0x100;
const IDT_GPA: u64 = DESCRIPTOR_TABLES_GPA + 0x1000;

/// Kernel window address of the global descriptor table.
pub const GDT: u64 = KERNEL_WINDOW + GDT_GPA;
/// Limit of the global descriptor table.
pub const GDT_LIMIT: u16 = selector::TASK_STATE + 15;
/// Kernel window address of the task state segment.
pub const TSS: u64 = KERNEL_WINDOW + TSS_GPA;
/// Bytes of the task state segment without its I/O permission bitmap.
const TSS_SIZE: u64 = 0x68;
/// First port past those that code at CPL 3 may write to.
const PORTS_END: u16 = HYPERCALL_PORT + HYPERCALLS;
/// Limit of the task state segment: the bitmap ends with a byte of ones (SDM vol. 1, 19.5.2).
pub const TSS_LIMIT: u32 = TSS_SIZE as u32 + PORTS_END as u32 / 8 + 1;
/// Kernel window address of the interrupt descriptor table.
pub const IDT: u64 = KERNEL_WINDOW + IDT_GPA;
/// Limit of the interrupt descriptor table: 256 gates, of which the first 32 are present.
pub const IDT_LIMIT: u16 = 0xfff;
/// Kernel window address of the stub at LSTAR.
pub const SYSCALL_STUB: u64 = KERNEL_WINDOW + STUBS_GPA + 32 * STUB_SIZE;
const STUB_SIZE: u64 = 8;

/// Whether `rip` is at, in or just behind the `out` of the stub at LSTAR.
pub fn in_syscall_stub(rip: u64) -> bool {
    (SYSCALL_STUB..SYSCALL_STUB + STUB_SIZE).contains(&rip)
}

/// Index of a virtual address in the table of a level (1: page table ... 4: top).
const fn index(address: u64, level: u32) -> u64 {
    address >> (3 + 9 * level) & 0x1ff
}

fn set(ram: &Ram, table: u64, index: u64, value: u64) -> Result<(), OutOfBounds> {
    ram.write_u64(table + index * 8, value)
}

/// Writes the page tables that the kernel starts with.
pub fn page_tables(ram: &Ram) -> Result<(), OutOfBounds> {
    for root in [ROOT_TABLE_GPA, ROOT_TABLE_TWIN_GPA] {
        set(ram, root, index(DIRECT_MAP, 4), DIRECT_PDPT_GPA | entry::TABLE)?;
        set(ram, root, index(KERNEL_WINDOW, 4), KERNEL_PDPT_GPA | entry::TABLE)?;
    }
    set(ram, DIRECT_PDPT_GPA, index(DIRECT_MAP, 3), DIRECT_PD_GPA | entry::TABLE)?;
    let present = ram.present().min(1 << 30);
    for page in 0..present / LARGE_PAGE_SIZE {
        set(ram, DIRECT_PD_GPA, page, (page * LARGE_PAGE_SIZE) | entry::DATA)?;
    }
    set(ram, KERNEL_PDPT_GPA, index(KERNEL_WINDOW, 3), KERNEL_PD_GPA | entry::TABLE)?;
    for page in 0..KERNEL_WINDOW_SIZE / LARGE_PAGE_SIZE {
        set(ram, KERNEL_PD_GPA, page, (page * LARGE_PAGE_SIZE) | entry::KERNEL)?;
    }
    let direct = DIRECT_MAP + SHARED_GPA;
    set(ram, DIRECT_PDPT_GPA, index(direct, 3), SHARED_PD_GPA | entry::TABLE)?;
    // The session's channel follows the shared area; nobody looks at it before its memory is there.
    for page in 0..(SHARED_SIZE + CHANNEL_SIZE) / LARGE_PAGE_SIZE {
        let value = (SHARED_GPA + page * LARGE_PAGE_SIZE) | entry::DATA;
        set(ram, SHARED_PD_GPA, index(direct, 2) + page, value)?;
        set(ram, KERNEL_PD_GPA, index(SHARED_WINDOW, 2) + page, value)?;
    }
    Ok(())
}

/// Writes GDT, TSS, IDT and the ring 0 stubs.
pub fn descriptors(ram: &Ram) -> Result<(), OutOfBounds> {
    // Access byte and flags of the descriptors: SDM vol. 3, 3.4.5. Long mode ignores base and limit.
    let gdt = |selector: u16, value: u64| ram.write_u64(GDT_GPA + u64::from(selector & !7), value);
    gdt(selector::KERNEL_CODE, 0x00af_9b00_0000_ffff)?;
    gdt(selector::KERNEL_DATA, 0x00cf_9300_0000_ffff)?;
    gdt(selector::USER_DATA, 0x00cf_f300_0000_ffff)?;
    gdt(selector::USER_CODE, 0x00af_fb00_0000_ffff)?;
    // A busy 64-bit TSS in two slots (SDM vol. 3, figure 8-4).
    gdt(
        selector::TASK_STATE,
        u64::from(TSS_LIMIT) | (TSS & 0xff_ffff) << 16 | 0x8b << 40 | (TSS >> 24 & 0xff) << 56,
    )?;
    gdt(selector::TASK_STATE + 8, TSS >> 32)?;
    // RSP0 at offset 4, the offset of the I/O permission bitmap at 0x66.
    ram.write(TSS_GPA + 4, &(KERNEL_WINDOW + trap_frame::TOP_GPA).to_le_bytes())?;
    ram.write(TSS_GPA + 0x66, &(TSS_SIZE as u16).to_le_bytes())?;
    ram.write(TSS_GPA + TSS_SIZE, &port_bitmap())?;
    for vector in 0..32u64 {
        let stub = KERNEL_WINDOW + STUBS_GPA + vector * STUB_SIZE;
        // `int3` and `into` are for programs to use; the other gates are for the CPU's own exceptions.
        let dpl = if vector == 3 || vector == 4 { 3 } else { 0u64 };
        // 64-bit interrupt gate (SDM vol. 3, figure 6-8).
        let low = stub & 0xffff
            | u64::from(selector::KERNEL_CODE) << 16
            | (0x8e | dpl << 5) << 40
            | (stub >> 16 & 0xffff) << 48;
        ram.write_u64(IDT_GPA + vector * 16, low)?;
        ram.write_u64(IDT_GPA + vector * 16 + 8, stub >> 32)?;
        ram.write(STUBS_GPA + vector * STUB_SIZE, &stub_code(TRAP_PORT + vector as u16))?;
    }
    ram.write(STUBS_GPA + 32 * STUB_SIZE, &stub_code(SYSCALL_PORT))
}

/// I/O permission bitmap: hypercalls and the doorbell are open to CPL 3, and so is the port of the stub at LSTAR, which
/// software KVM enters at CPL 3. For software KVM, which loses IOPL at the first exit; on hardware, IOPL opens all ports,
/// and the run loop refuses those that are not in this list.
fn port_bitmap() -> [u8; TSS_LIMIT as usize + 1 - TSS_SIZE as usize] {
    let mut bitmap = [0xff; TSS_LIMIT as usize + 1 - TSS_SIZE as usize];
    for port in (HYPERCALL_PORT..PORTS_END).chain([DOORBELL_PORT, SYSCALL_PORT]) {
        bitmap[usize::from(port / 8)] &= !(1 << (port % 8));
    }
    bitmap
}

/// `out %al,$port; 1: hlt; jmp 1b`. The VMM never resumes behind the `out`.
fn stub_code(port: u16) -> [u8; STUB_SIZE as usize] {
    [0xe6, port as u8, 0xf4, 0xeb, 0xfd, 0xcc, 0xcc, 0xcc]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_show_the_shared_area_in_both_windows() {
        let ram = Ram::new(32 << 20).unwrap();
        page_tables(&ram).unwrap();
        let walk = |address: u64| {
            let mut table = ROOT_TABLE_GPA;
            for level in [4, 3] {
                table = ram.read_u64(table + index(address, level) * 8).unwrap() & 0xf_ffff_f000;
            }
            ram.read_u64(table + index(address, 2) * 8).unwrap() & 0xff_ffe0_0000
        };
        assert_eq!(walk(SHARED_WINDOW), SHARED_GPA);
        assert_eq!(walk(SHARED_WINDOW + LARGE_PAGE_SIZE), SHARED_GPA + LARGE_PAGE_SIZE);
        assert_eq!(walk(DIRECT_MAP + SHARED_GPA), SHARED_GPA);
        assert_eq!(walk(DIRECT_MAP + (30 << 20)), 30 << 20);
        assert_eq!(walk(KERNEL_WINDOW + KERNEL_GPA), KERNEL_GPA);
    }
}
