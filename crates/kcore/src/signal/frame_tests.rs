use super::*;
use crate::signal::action::sa;
use crate::signal::altstack::SS_DISABLE;
use crate::signal::info::code;
use crate::signal::restore::restore;
use crate::signal::set::Signal;
use crate::user::UserMemory;
use std::cell::RefCell;

/// Program memory from `base`.
struct Memory {
    base: usize,
    bytes: RefCell<Vec<u8>>,
}
impl UserMemory for Memory {
    fn read(&self, from: usize, to: &mut [u8]) -> Result<()> {
        let at = from.checked_sub(self.base).ok_or(Errno::EFAULT)?;
        let bytes = self.bytes.borrow();
        let end = at.checked_add(to.len()).ok_or(Errno::EFAULT)?;
        to.copy_from_slice(bytes.get(at..end).ok_or(Errno::EFAULT)?);
        Ok(())
    }
    fn write(&self, to: usize, from: &[u8]) -> Result<()> {
        let at = to.checked_sub(self.base).ok_or(Errno::EFAULT)?;
        let mut bytes = self.bytes.borrow_mut();
        let end = at.checked_add(from.len()).ok_or(Errno::EFAULT)?;
        bytes.get_mut(at..end).ok_or(Errno::EFAULT)?.copy_from_slice(from);
        Ok(())
    }
}

const BASE: u64 = 0x7000_0000_0000;
const FORMAT: Format = Format { features: 7, size: 832, mxcsr_mask: 0xffff };

fn memory() -> Memory {
    Memory { base: BASE as usize, bytes: RefCell::new(vec![0xaa; 0x10000]) }
}

fn registers() -> Registers {
    Registers {
        rax: 1,
        rbx: 2,
        rcx: 3,
        rdx: 4,
        rsi: 5,
        rdi: 6,
        rbp: 7,
        rsp: BASE + 0xf003,
        r8: 8,
        r9: 9,
        r10: 10,
        r11: 11,
        r12: 12,
        r13: 13,
        r14: 14,
        r15: 15,
        rip: 0x40_1000,
        rflags: 0x3246 | 0x400,
        orig_rax: 7,
        fs_base: 77,
        gs_base: 78,
    }
}

fn action(flags: u64) -> Action {
    Action { handler: 0x40_2000, flags: flags | sa::RESTORER, restorer: 0x40_3000, mask: SigSet::EMPTY }
}

/// An XSAVE area with some SSE and AVX state.
fn area() -> Vec<u8> {
    let mut area = FORMAT.initial();
    area[160..416].fill(0x5a);
    area[512] = 6;
    area[576..832].fill(0xa5);
    area
}

fn plan(action: &Action, altstack: &AltStack, from: &Registers) -> Result<FramePlan> {
    let info = SigInfo::fault(Signal::SEGV, code::SEGV_MAPERR, 0x10);
    build(&Delivery {
        info: &info,
        action,
        registers: from,
        xsave: &area(),
        format: &FORMAT,
        mask: SigSet(0x1234),
        altstack,
        trap: Trap { number: 14, error: 4, address: 0x10 },
    })
}

#[test]
fn lies_where_linux_puts_it() {
    let plan = plan(&action(0), &AltStack::NONE, &registers()).unwrap();
    assert_eq!(plan.address % 16, 8);
    let state = u64::from_le_bytes(plan.bytes[CONTEXT + 184..CONTEXT + 192].try_into().unwrap());
    assert_eq!(state % 64, 0);
    assert!(state + 836 <= registers().rsp - 128);
    assert_eq!(plan.address + plan.bytes.len() as u64, state + 836);
    let r = plan.registers;
    assert_eq!((r.rip, r.rsp, r.rdi, r.rax), (0x40_2000, plan.address, 11, 0));
    assert_eq!((r.rsi, r.rdx), (plan.address + 312, plan.address + 8));
    assert_eq!((r.rbx, r.fs_base, r.orig_rax), (2, 77, NO_CALL));
    assert_eq!(r.rflags & 0x400, 0);
    let long = |at: usize| u64::from_le_bytes(plan.bytes[at..at + 8].try_into().unwrap());
    assert_eq!((long(0), long(8), long(16)), (0x40_3000, 7, 0));
    // REG_R8 ... REG_CR2 of <sys/ucontext.h>, in gregs order.
    let gregs: Vec<u64> = (0..23).map(|i| long(48 + 8 * i)).collect();
    assert_eq!(gregs[..17], [8, 9, 10, 11, 12, 13, 14, 15, 6, 5, 7, 2, 4, 1, 3, BASE + 0xf003, 0x40_1000]);
    assert_eq!(gregs[17..], [0x646, 0x002b_0000_0000_0033, 4, 14, 0x1234, 0x10]);
    assert_eq!(long(304), 0x1234);
    assert_eq!(long(312 + 16), 0x10);
    let xsave = &plan.bytes[(state - plan.address) as usize..];
    assert_eq!(xsave[464..468], 0x46505853u32.to_le_bytes());
    assert_eq!(xsave[832..836], 0x46505845u32.to_le_bytes());
}

#[test]
fn round_trips() {
    let memory = memory();
    let altstack = AltStack { base: BASE + 0x100, size: 0x4000, flags: 0 };
    for flags in [0, sa::ONSTACK] {
        let plan = plan(&action(flags), &altstack, &registers()).unwrap();
        assert_eq!(altstack.holds(plan.address), flags != 0);
        memory.write(plan.address as usize, &plan.bytes).unwrap();
        // What the handler's `ret` and the restorer leave.
        let present = Registers { rsp: plan.address + 8, ..plan.registers };
        let back = restore(&memory, &present, &plan.altstack, &FORMAT).unwrap();
        let expected = Registers { orig_rax: NO_CALL, ..registers() };
        assert_eq!(back.registers, expected);
        assert_eq!((back.mask, back.altstack), (SigSet(0x1234).blockable(), altstack));
        let mut area = area();
        area[512] |= 3;
        assert_eq!(back.xsave, area);
    }
}

#[test]
fn alternate_stack_rules() {
    let altstack = AltStack { base: BASE + 0x100, size: 0x4000, flags: 0 };
    // Already on it: the frame goes below.
    let nested = Registers { rsp: BASE + 0x3000, ..registers() };
    let inner = plan(&action(sa::ONSTACK), &altstack, &nested).unwrap();
    assert!(inner.address < BASE + 0x3000 && altstack.holds(inner.address));
    // And must not run over its end.
    let full = Registers { rsp: BASE + 0x200, ..registers() };
    assert_eq!(plan(&action(sa::ONSTACK), &altstack, &full), Err(Errno::EFAULT));
    let small = AltStack { size: 1024, ..altstack };
    assert_eq!(plan(&action(sa::ONSTACK), &small, &registers()), Err(Errno::EFAULT));
    // Disarmed while the handler runs, and back afterwards.
    let disarm = AltStack { flags: SS_AUTODISARM, ..altstack };
    let plan = plan(&action(sa::ONSTACK), &disarm, &registers()).unwrap();
    assert_eq!((plan.altstack.flags, plan.altstack.size), (SS_DISABLE, 0));
    let memory = memory();
    memory.write(plan.address as usize, &plan.bytes).unwrap();
    let present = Registers { rsp: plan.address + 8, ..plan.registers };
    assert_eq!(restore(&memory, &present, &plan.altstack, &FORMAT).unwrap().altstack, disarm);
}

#[test]
fn impossible_stacks_are_faults() {
    for rsp in [0, 100, 200, 1000, u64::MAX, 0x8000_0000_0000, PROGRAM_END + 200] {
        assert_eq!(
            plan(&action(0), &AltStack::NONE, &Registers { rsp, ..registers() }),
            Err(Errno::EFAULT),
            "{rsp:#x}"
        );
    }
    let without = Action { flags: 0, ..action(0) };
    assert_eq!(plan(&without, &AltStack::NONE, &registers()), Err(Errno::EFAULT));
}

#[test]
fn hostile_frames() {
    let good = plan(&action(0), &AltStack::NONE, &registers()).unwrap();
    let state = good.bytes.len() - 836;
    let try_with = |changes: &[(usize, &[u8])]| {
        let mut bytes = good.bytes.clone();
        for (at, value) in changes {
            bytes[*at..at + value.len()].copy_from_slice(value);
        }
        let memory = memory();
        memory.write(good.address as usize, &bytes).unwrap();
        let present = Registers { rsp: good.address + 8, ..good.registers };
        restore(&memory, &present, &AltStack::NONE, &FORMAT)
    };
    // Flags: only the program's; IOPL and IF stay as they were.
    let back = try_with(&[(CONTEXT + 136, &u64::MAX.to_le_bytes())]).unwrap();
    assert_eq!(back.registers.rflags, (registers().rflags & 0x3202) | 0x5_0dd5);
    // A kernel or non-canonical RIP.
    for rip in [PROGRAM_END, 0x8000_0000_0000, 0xffff_ffff_8020_0000, u64::MAX] {
        assert_eq!(try_with(&[(CONTEXT + 128, &rip.to_le_bytes())]), Err(Errno::EFAULT));
    }
    // Segments are ignored, SIGKILL and SIGSTOP cannot be blocked.
    assert!(try_with(&[(CONTEXT + 144, &[0xff; 8])]).is_ok());
    let back = try_with(&[(MASK, &[0xff; 8])]).unwrap();
    assert_eq!(back.mask, SigSet::ALL.blockable());
    // No state, unreadable state.
    assert_eq!(try_with(&[(CONTEXT + 184, &[0; 8])]).unwrap().xsave, FORMAT.initial());
    for address in [1, BASE - 64, BASE + 0xfff0, u64::MAX - 63, u64::MAX] {
        assert_eq!(try_with(&[(CONTEXT + 184, &address.to_le_bytes())]), Err(Errno::EFAULT), "{address:#x}");
    }
    // MXCSR with a reserved bit; unknown features; a compacted area.
    assert!(try_with(&[(state + 26, &[1])]).is_err());
    assert!(try_with(&[(state + 512, &[0xff])]).is_err());
    assert!(try_with(&[(state + 527, &[0x80])]).is_err());
    // Damaged marks: only the legacy state counts.
    for (at, value) in [(state + 464, 0), (state + 832, 0), (state + 480, 1), (state + 482, 1)] {
        let back = try_with(&[(at, &[value])]).unwrap();
        assert_eq!(back.xsave[512], 3);
        assert!(back.xsave[576..].iter().all(|&b| b == 0));
        assert_eq!(back.xsave[160..416], area()[160..416]);
    }
    // A frame that does not know AVX: AVX gets its initial state.
    assert_eq!(try_with(&[(state + 472, &[3])]).unwrap().xsave[512], 3);
}

#[test]
fn without_xsave() {
    let format = Format { features: 0, size: 512, mxcsr_mask: 0xffff };
    let mut fxsave = format.initial();
    fxsave[464..].fill(1);
    let bytes = format.to_frame(&fxsave);
    assert_eq!(bytes.len(), 512);
    let mut legacy = [0; 512];
    legacy.copy_from_slice(&bytes);
    assert_eq!(format.claimed(&legacy), None);
    fxsave[464..].fill(0);
    assert_eq!(format.from_frame(&bytes, None), Some(fxsave));
    assert!(minimum_stack(&FORMAT) > minimum_stack(&format));
    assert_eq!(minimum_stack(&format) % 16, 0);
}
