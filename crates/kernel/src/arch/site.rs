//! System call sites: patching them so that a system call costs a jump.
//!
//! `mov $n,%eax; syscall` (7 bytes) becomes `jmp *entry`, 7 bytes too, where `entry` is a slot of the site table. The slot
//! points at the site's own trampoline, which loads the number and the return address and jumps to `syscall_entry`. The
//! bytes where `syscall` was are now the upper half of the slot's address, 0x06/0x07 0x80: an invalid opcode. Whoever enters
//! in the middle (a jump to the `syscall`, a thread that was interrupted between the two instructions, a restart) raises
//! #UD, and the kernel serves the call from there ([`enter_in_middle`]).
//!
//! A `syscall` without the `mov` is replaced by a short `jmp` to such a 7-byte jump, if there is padding within reach: a run of
//! `int3`, or of the multi-byte no-ops that compilers align with. A no-op run may be entered from above, so that its first two
//! bytes become a jump to its end, and nothing changes for those who come that way.
//!
//! Only private file mappings that are not writable are patched: what a JIT writes is its own, and goes on trapping. The patch
//! goes into a private copy of the page.

use crate::global::Global;
use crate::task::thread::Thread;
use core::arch::global_asm;
use core::cell::Cell;
use ramet_abi::layout::*;
use ramet_kcore::cell::RefCell;
use ramet_kcore::map::Map;

// Calls that only return a value of the running thread. RCX: return address. R11 becomes the flags as after `syscall`. If
// events wait, the call goes the long way.
global_asm!(
    r#"
    .macro value_call name number
    .balign 32
    .globl fast_\name
fast_\name:
    mov r11, rcx
    mov ecx, [rip + MAILBOX]
    jrcxz 1f
    mov rcx, r11
    mov eax, \number
    jmp syscall_entry
1:  mov rcx, r11
    mov [rip + PROGRAM_RSP], rsp
    mov rsp, [rip + KERNEL_STACK]
    pushfq
    pop r11
    mov rsp, [rip + PROGRAM_RSP]
    mov eax, [rip + VALUE_\name]
    jmp rcx
    .endm
    .text
    value_call getpid, 39
    value_call gettid, 186
    value_call getppid, 110
    value_call getuid, 102
    value_call getgid, 104
    value_call geteuid, 107
    value_call getegid, 108
    .bss
    .balign 64
    .globl VALUE_getpid, VALUE_gettid, VALUE_getppid, VALUE_getuid, VALUE_getgid, VALUE_geteuid, VALUE_getegid
VALUE_getpid: .long 0
VALUE_gettid: .long 0
VALUE_getppid: .long 0
VALUE_getuid: .long 0
VALUE_getgid: .long 0
VALUE_geteuid: .long 0
VALUE_getegid: .long 0
    .text
"#
);

unsafe extern "C" {
    fn syscall_entry();
    fn fast_getpid();
    fn fast_gettid();
    fn fast_getppid();
    fn fast_getuid();
    fn fast_getgid();
    fn fast_geteuid();
    fn fast_getegid();
    static mut VALUE_getpid: u32;
    static mut VALUE_gettid: u32;
    static mut VALUE_getppid: u32;
    static mut VALUE_getuid: u32;
    static mut VALUE_getgid: u32;
    static mut VALUE_geteuid: u32;
    static mut VALUE_getegid: u32;
}

/// What is known of a patched site.
#[derive(Clone, Copy)]
struct Site {
    slot: u32,
    /// Address of the first patched byte: the `mov`, or the `syscall` itself.
    start: u64,
    /// System call number, for sites with the `mov`.
    number: Option<u32>,
}

struct Sites {
    /// By return address.
    known: RefCell<Map<u64, Site>>,
    /// Start of the site, by slot, for rolling a trampoline back.
    starts: RefCell<alloc::vec::Vec<u64>>,
    enabled: Cell<bool>,
    /// Return addresses that cannot be patched, so that they are not looked at again and again.
    hopeless: RefCell<ramet_kcore::map::Set<u64>>,
    traps: Cell<u64>,
    /// Sites of programs that are gone.
    forgotten: Cell<u64>,
}

static SITES: Global<Sites> = Global::new(Sites {
    known: RefCell::new(Map::new()),
    starts: RefCell::new(alloc::vec::Vec::new()),
    enabled: Cell::new(true),
    hopeless: RefCell::new(ramet_kcore::map::Set::new()),
    traps: Cell::new(0),
    forgotten: Cell::new(0),
});

/// Turns patching off (or on).
pub fn set_enabled(enabled: bool) {
    SITES.enabled.set(enabled);
}

/// Whether sites are patched.
pub fn is_enabled() -> bool {
    SITES.enabled.get()
}

/// Whether the value calls may be answered without the dispatcher; not while calls are traced.
static VALUES_ALLOWED: Global<Cell<bool>> = Global::new(Cell::new(true));

/// Sends every call through the dispatcher, for tracing.
pub fn trace_every_call() {
    VALUES_ALLOWED.set(false);
}

/// Patched sites and traps of unpatched ones since boot.
pub fn statistics() -> (u64, u64) {
    (SITES.forgotten.get() + SITES.starts.borrow().len() as u64, SITES.traps.get())
}

/// execve(2): the program whose sites these were is gone, and no thread of it runs; its trampolines may be written anew.
pub fn forget_all() {
    SITES.forgotten.set(SITES.forgotten.get() + SITES.starts.borrow().len() as u64);
    SITES.known.borrow_mut().clear();
    SITES.starts.borrow_mut().clear();
    SITES.hopeless.borrow_mut().clear();
}

/// The running thread changed, or its ids did.
pub fn set_thread(thread: &Thread) {
    let credentials = thread.credentials.borrow();
    // SAFETY: one vCPU; plain words that only `fast_*` read.
    unsafe {
        VALUE_getpid = thread.process.pid.get() as u32;
        VALUE_gettid = thread.tid.get() as u32;
        VALUE_getppid = thread.process.parent_pid() as u32;
        VALUE_getuid = credentials.uid;
        VALUE_getgid = credentials.gid;
        VALUE_geteuid = credentials.euid;
        VALUE_getegid = credentials.egid;
    }
}

/// If `rip` is in a site's trampoline: the site's first instruction, where the call may start again.
pub fn roll_back(rip: u64) -> Option<u64> {
    let offset = rip.checked_sub(KERNEL_WINDOW + SITE_TRAMPOLINES_GPA)?;
    let slot = (offset / SITE_TRAMPOLINE_SIZE) as usize;
    SITES.starts.borrow().get(slot).copied()
}

/// If `rip` is in a site's trampoline: the address of the site's `syscall` and its number, if it has the `mov`.
pub fn at_trampoline(rip: u64) -> Option<Option<(u64, u64)>> {
    let start = roll_back(rip)?;
    let site = SITES.known.borrow().get(&(start + 7)).copied().filter(|site| site.start == start);
    Some(site.and_then(|site| site.number).map(|number| (start + 5, number as u64)))
}

/// If `rip` is the old `syscall` of a patched site: its return address.
pub fn enter_in_middle(rip: u64) -> Option<u64> {
    let site = *SITES.known.borrow().get(&(rip + 2))?;
    if site.number.is_none() || site.start + 5 != rip {
        return None;
    }
    // Something else may be mapped there by now.
    let mut code = [0; 7];
    crate::arch::user::read(site.start as usize, &mut code).ok()?;
    (code == jump(site.slot)).then_some(rip + 2)
}

/// A `syscall` instruction trapped; `after` is the address behind it and `number` what was in RAX. Patches it if it can be.
pub fn trapped(after: u64, number: u64) {
    SITES.traps.set(SITES.traps.get() + 1);
    if !SITES.enabled.get() || SITES.hopeless.borrow().contains(&after) {
        return;
    }
    if patch(after, number).is_none() {
        let mut hopeless = SITES.hopeless.borrow_mut();
        if hopeless.len() < 4096 {
            hopeless.insert(after);
        }
    }
}

fn patch(after: u64, number: u64) -> Option<()> {
    // 16 bytes before the return address, and what follows it as far as a short jump reaches.
    let mut before = [0; 7];
    crate::arch::user::read(after.checked_sub(7)? as usize, &mut before).ok()?;
    if before[5..] != [0x0f, 0x05] || !crate::mm::is_patchable(after - 2, 2) {
        return None;
    }
    let with_mov = before[0] == 0xb8 && u32::from_le_bytes(before[1..5].try_into().ok()?) as u64 == number;
    if with_mov && crate::mm::is_patchable(after - 7, 7) {
        patch_with_number(after - 7, number as u32)?;
        super::known_sites::remember(after - 7, number as u32);
        super::known_sites::patch_neighbours(after - 7);
        return Some(());
    }
    let padding = find_padding(after)?;
    let at = padding.jump_at;
    let slot = make_slot(after, after - 2, None)?;
    let mut bytes = alloc::vec::Vec::new();
    if padding.no_ops {
        bytes.extend_from_slice(&[0xeb, (padding.length - 2) as u8]);
    }
    bytes.extend_from_slice(&jump(slot));
    crate::mm::patch_text(padding.start, &bytes)?;
    let distance = i8::try_from(at as i64 - after as i64).ok()?;
    crate::mm::patch_text(after - 2, &[0xeb, distance as u8])
}

/// `mov $number,%eax; syscall`.
pub fn original(number: u32) -> [u8; 7] {
    let [a, b, c, d] = number.to_le_bytes();
    [0xb8, a, b, c, d, 0x0f, 0x05]
}

/// Patches the [`original`] instructions at `start`, which the caller has seen there, in patchable text.
pub fn patch_with_number(start: u64, number: u32) -> Option<()> {
    let slot = make_slot(start + 7, start, Some(number))?;
    crate::mm::patch_text(start, &jump(slot))
}

/// `jmp *[slot]` with an absolute 32-bit address.
fn jump(slot: u32) -> [u8; 7] {
    let address = (KERNEL_WINDOW + SITE_TABLE_GPA) as u32 + slot * 8;
    let [a, b, c, d] = address.to_le_bytes();
    [0xff, 0x24, 0x25, a, b, c, d]
}

struct Padding {
    start: u64,
    length: usize,
    jump_at: u64,
    no_ops: bool,
}

/// The multi-byte no-ops of GNU as and LLVM that are long enough to be told from anything else, longest first.
const NO_OPS: [&[u8]; 5] = [
    &[0x66, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0],
    &[0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0],
    &[0x66, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0],
    &[0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0],
    &[0x0f, 0x1f, 0x80, 0, 0, 0, 0],
];

/// Padding whose jump a short `jmp` at `after - 2` reaches.
fn find_padding(after: u64) -> Option<Padding> {
    let start = (after - 2).max(126) - 126;
    let mut text = [0; 260];
    let mut got = crate::arch::user::read_some(start as usize, &mut text);
    if got == 0 {
        return None;
    }
    got = got.min(text.len());
    let reach = (after as i64 - 128)..=(after as i64 + 127);
    let mut best: Option<Padding> = None;
    let mut consider = |padding: Padding| {
        let near = padding.jump_at.abs_diff(after);
        if reach.contains(&(padding.jump_at as i64))
            && crate::mm::is_patchable(padding.start, padding.length)
            && crate::mm::is_patchable(after - 2, 2)
            && best.as_ref().is_none_or(|b| near < b.jump_at.abs_diff(after))
        {
            best = Some(padding);
        }
    };
    let mut at = 0;
    while at < got {
        // A run of int3 ends where code is aligned and is never executed.
        let run = text[at..got].iter().take_while(|byte| **byte == 0xcc).count();
        if run >= 7 {
            consider(Padding {
                start: start + at as u64,
                length: run,
                jump_at: start + at as u64,
                no_ops: false,
            });
        }
        if run > 0 {
            at += run;
            continue;
        }
        // With another prefix before it, it would be the middle of a longer one.
        let begins = at > 0 && !matches!(text[at - 1], 0x66 | 0x2e);
        let no_op = NO_OPS.iter().find(|pattern| begins && text[at..got].starts_with(pattern));
        match no_op {
            // Nine bytes: a jump over the padding for those who fall into it, then ours.
            Some(pattern) if pattern.len() >= 9 => {
                let begin = start + at as u64;
                consider(Padding { start: begin, length: pattern.len(), jump_at: begin + 2, no_ops: true });
                at += pattern.len();
            }
            Some(pattern) => at += pattern.len(),
            None => at += 1,
        }
    }
    best
}

/// A slot for the site, with its trampoline written.
fn make_slot(after: u64, start: u64, number: Option<u32>) -> Option<u32> {
    let mut known = SITES.known.borrow_mut();
    let mut starts = SITES.starts.borrow_mut();
    let slot = match known.get(&after) {
        Some(site) => site.slot,
        None if (starts.len() as u64) < SITES_MAX => {
            starts.push(start);
            starts.len() as u32 - 1
        }
        None => return None,
    };
    starts[slot as usize] = start;
    known.insert(after, Site { slot, start, number });
    write_trampoline(slot, after, number);
    Some(slot)
}

const SITES_MAX: u64 = ramet_abi::layout::SITES;

fn write_trampoline(slot: u32, after: u64, number: Option<u32>) {
    let at = KERNEL_WINDOW + SITE_TRAMPOLINES_GPA + slot as u64 * SITE_TRAMPOLINE_SIZE;
    let mut code = [0xcc; SITE_TRAMPOLINE_SIZE as usize];
    let mut used = 0;
    let mut emit = |bytes: &[u8]| {
        code[used..used + bytes.len()].copy_from_slice(bytes);
        used += bytes.len();
        used
    };
    // movabs $after, %rcx
    emit(&[0x48, 0xb9]);
    let mut end = emit(&after.to_le_bytes());
    let target = number.filter(|_| VALUES_ALLOWED.get()).and_then(value_call).unwrap_or_else(|| {
        if let Some(number) = number {
            // mov $number, %eax
            emit(&[0xb8]);
            end = emit(&number.to_le_bytes());
        }
        syscall_entry as *const () as u64
    });
    // jmp rel32
    let distance = target as i64 - (at + end as u64 + 5) as i64;
    emit(&[0xe9]);
    emit(&(distance as i32).to_le_bytes());
    let table = (KERNEL_WINDOW + SITE_TABLE_GPA + slot as u64 * 8) as *mut u64;
    // SAFETY: both are in the kernel window, in areas that only this module uses; `slot` is below SITES.
    unsafe {
        core::ptr::copy_nonoverlapping(code.as_ptr(), at as *mut u8, code.len());
        table.write_volatile(at);
    }
}

fn value_call(number: u32) -> Option<u64> {
    let code: unsafe extern "C" fn() = match number {
        39 => fast_getpid,
        186 => fast_gettid,
        110 => fast_getppid,
        102 => fast_getuid,
        104 => fast_getgid,
        107 => fast_geteuid,
        108 => fast_getegid,
        _ => return None,
    };
    Some(code as *const () as u64)
}
