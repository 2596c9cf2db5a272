//! Signal frames beside those of the Linux that the test runs on: a frame that Linux made is read by `restore`, and `build`
//! makes the same bytes at the same address from what it says.

use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::signal::SigInfo;
use ramet_kcore::signal::action::{Action, sa};
use ramet_kcore::signal::altstack::AltStack;
use ramet_kcore::signal::frame::{Delivery, FRAME_SIZE, INFO, Trap, UCONTEXT, build, minimum_stack};
use ramet_kcore::signal::registers::Registers;
use ramet_kcore::signal::restore::restore;
use ramet_kcore::signal::xstate::Format;
use ramet_kcore::user::UserMemory;
use std::cell::RefCell;

const CONTEXT: usize = UCONTEXT + 40;

thread_local! {
    /// Address and bytes of the last frame.
    static SEEN: RefCell<(usize, Vec<u8>)> = RefCell::default();
}

/// Copies its own frame away. Allocates, which is harmless here: the signal comes from raise(3), not out of the blue.
extern "C" fn handler(_: i32, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let frame = context as usize - UCONTEXT;
    // SAFETY: Linux has put a whole frame there: the fixed part, and the state that it points to with the size that its software
    // bytes tell.
    let bytes = unsafe {
        let fpstate = *((frame + CONTEXT + 184) as *const usize);
        let extended = *((fpstate + 468) as *const u32) as usize;
        std::slice::from_raw_parts(frame as *const u8, fpstate + extended - frame).to_vec()
    };
    SEEN.with(|seen| *seen.borrow_mut() = (frame, bytes));
}

/// The frame of a signal that is raised here; `on_stack`: handled on an alternate stack.
fn native(on_stack: bool) -> (usize, Vec<u8>) {
    // SAFETY: the structures are plain data for which zero is valid; the handler has the type that SA_SIGINFO asks for;
    // the stack lives until it is no longer set.
    unsafe {
        let mut stack = vec![0u8; 1 << 16];
        let mut old: libc::stack_t = std::mem::zeroed();
        let new = libc::stack_t { ss_sp: stack.as_mut_ptr().cast(), ss_flags: 0, ss_size: stack.len() };
        assert_eq!(libc::sigaltstack(&new, &mut old), 0);
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | if on_stack { libc::SA_ONSTACK } else { 0 };
        assert_eq!(libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut()), 0);
        libc::raise(libc::SIGUSR1);
        assert_eq!(libc::sigaltstack(&old, std::ptr::null_mut()), 0);
    }
    SEEN.take()
}

struct Frame(usize, Vec<u8>);

impl UserMemory for Frame {
    fn read(&self, from: usize, to: &mut [u8]) -> Result<()> {
        let at = from.checked_sub(self.0).ok_or(Errno::EFAULT)?;
        to.copy_from_slice(self.1.get(at..at + to.len()).ok_or(Errno::EFAULT)?);
        Ok(())
    }
    fn write(&self, _: usize, _: &[u8]) -> Result<()> {
        Err(Errno::EFAULT)
    }
}

fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

/// The vector state's format, from a frame's software bytes.
fn format_of(bytes: &[u8]) -> Format {
    let at = bytes.len() - 4;
    let software = (0..at)
        .rev()
        .find(|&i| bytes[i..].starts_with(&0x4650_5853u32.to_le_bytes()))
        .expect("the frame has extended state");
    let size = u32::from_le_bytes(bytes[software + 16..software + 20].try_into().unwrap());
    Format { features: long(bytes, software + 8), size: size as usize, mxcsr_mask: 0xffff }
}

#[test]
fn frames_are_linuxs() {
    for on_stack in [false, true] {
        let (address, bytes) = native(on_stack);
        let format = format_of(&bytes);
        let memory = Frame(address, bytes);
        let bytes = &memory.1;
        // As after the handler's `ret`.
        let present = Registers { rsp: address as u64 + 8, ..Registers::default() };
        let back = restore(&memory, &present, &AltStack::NONE, &format).unwrap();
        let long = |at| long(bytes, at);
        assert_eq!(back.altstack.size, 1 << 16);

        let mut info = [0; 128];
        info.copy_from_slice(&bytes[INFO..FRAME_SIZE]);
        let info = SigInfo::from_user(ramet_kcore::signal::Signal::USR1, &info).unwrap();
        let action = Action {
            handler: 0x1000,
            flags: sa::RESTORER | sa::SIGINFO | if on_stack { sa::ONSTACK } else { 0 },
            restorer: long(0),
            ..Action::default()
        };
        // IF is set in every frame; sigreturn leaves it alone.
        let registers = Registers { rflags: back.registers.rflags | 0x202, ..back.registers };
        let plan = build(&Delivery {
            info: &info,
            action: &action,
            registers: &registers,
            xsave: &back.xsave,
            format: &format,
            mask: back.mask,
            altstack: &back.altstack,
            trap: Trap {
                error: long(CONTEXT + 152),
                number: long(CONTEXT + 160),
                address: long(CONTEXT + 176),
            },
        })
        .unwrap();
        assert_eq!(plan.address, address as u64);
        assert_eq!(plan.bytes.len(), bytes.len());
        let state = plan.bytes.len() - format.size - 4;
        assert_eq!(plan.bytes[..INFO], bytes[..INFO], "ucontext");
        assert_eq!(plan.bytes[INFO..INFO + 24], bytes[INFO..INFO + 24], "siginfo");
        assert_eq!(plan.bytes[state..state + 416], bytes[state..state + 416], "legacy state");
        assert_eq!(plan.bytes[state + 464..state + 520], bytes[state + 464..state + 520], "marks");
        assert_eq!(plan.bytes[plan.bytes.len() - 4..], bytes[bytes.len() - 4..], "second mark");
        assert_eq!(
            (plan.registers.rdx, plan.registers.rsi),
            (address as u64 + 8, address as u64 + INFO as u64)
        );

        // Linux's figure has room for 32-bit frames, too.
        const AT_MINSIGSTKSZ: u64 = 51;
        // SAFETY: getauxval has no preconditions.
        let linux = unsafe { libc::getauxval(AT_MINSIGSTKSZ) };
        let needed = (FRAME_SIZE + format.frame_size()) as u64;
        assert!(minimum_stack(&format) > needed && (linux == 0 || minimum_stack(&format) <= linux));
    }
}
