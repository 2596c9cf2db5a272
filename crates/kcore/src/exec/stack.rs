//! The initial stack: strings, argument and environment pointers, auxiliary vector (execve(2), getauxval(3); Linux:
//! `create_elf_tables`).

use super::layout::{PAGE, page_down};
use super::strings::Strings;
use crate::errno::{Errno, Result};
use alloc::vec::Vec;

/// Longest argument or environment string with its zero byte (`MAX_ARG_STRLEN`).
pub const STRING_MAX: usize = 32 * PAGE as usize;
/// Strings and pointers may always take this many bytes (`ARG_MAX`).
const ARGUMENTS_MIN: u64 = 128 << 10;
/// And never more than this (three quarters of the default stack limit).
const ARGUMENTS_MAX: u64 = 6 << 20;

/// Keys of the auxiliary vector (`linux/auxvec.h`).
mod at {
    pub const NULL: u64 = 0;
    pub const PHDR: u64 = 3;
    pub const PHENT: u64 = 4;
    pub const PHNUM: u64 = 5;
    pub const PAGESZ: u64 = 6;
    pub const BASE: u64 = 7;
    pub const FLAGS: u64 = 8;
    pub const ENTRY: u64 = 9;
    pub const UID: u64 = 11;
    pub const EUID: u64 = 12;
    pub const GID: u64 = 13;
    pub const EGID: u64 = 14;
    pub const PLATFORM: u64 = 15;
    pub const HWCAP: u64 = 16;
    pub const CLKTCK: u64 = 17;
    pub const SECURE: u64 = 23;
    pub const RANDOM: u64 = 25;
    pub const HWCAP2: u64 = 26;
    pub const EXECFN: u64 = 31;
    pub const SYSINFO_EHDR: u64 = 33;
    pub const MINSIGSTKSZ: u64 = 51;
}

/// Counts what execve's arguments take, so that the copy from the program's memory stops in time (Linux:
/// `bprm_stack_limits`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Budget {
    left: u64,
}

impl Budget {
    /// `stack_limit`: RLIMIT_STACK in bytes. A quarter of it, between 128 KiB and 6 MiB, may be used by the strings and by the
    /// pointers to them, of which the caller passes so many; but the strings must fit into the stack.
    ///
    /// # Errors
    /// E2BIG.
    pub fn new(stack_limit: u64, arguments: usize, environment: usize) -> Result<Budget> {
        let limit = (stack_limit / 4).clamp(ARGUMENTS_MIN, ARGUMENTS_MAX);
        let pointers = (arguments.max(1) as u64).saturating_add(environment as u64).saturating_mul(8);
        match limit.checked_sub(pointers) {
            None | Some(0) => Err(Errno::E2BIG),
            Some(left) => {
                // A word is free at the stack's top, and one page is there without asking.
                let room = page_down(stack_limit).max(PAGE) - 8;
                Ok(Budget { left: left.min(room) })
            }
        }
    }

    /// Takes a string of `length` bytes (without the zero byte).
    ///
    /// # Errors
    /// E2BIG.
    pub fn take(&mut self, length: usize) -> Result<()> {
        if length >= STRING_MAX {
            return Err(Errno::E2BIG);
        }
        self.left = self.left.checked_sub(length as u64 + 1).ok_or(Errno::E2BIG)?;
        Ok(())
    }

    /// A string of `length` bytes is not passed after all.
    pub fn give_back(&mut self, length: usize) {
        self.left += length as u64 + 1;
    }

    /// Takes all of a list.
    ///
    /// # Errors
    /// E2BIG.
    pub fn take_all(&mut self, strings: &Strings) -> Result<()> {
        strings.iter().try_for_each(|string| self.take(string.len()))
    }
}

/// Bytes below the stack's top that the image of a program with these strings takes, at most.
pub fn size(arguments: &Strings, environment: &Strings, executed: &[u8]) -> u64 {
    const FIXED: u64 = 4 * PAGE;
    let strings = arguments.bytes().len() + environment.bytes().len() + executed.len();
    FIXED + strings as u64 + 8 * (arguments.len() + environment.len()) as u64
}

/// What goes into the auxiliary vector. AT_PHENT, AT_PAGESZ, AT_FLAGS, AT_CLKTCK and AT_PLATFORM are constants.
#[derive(Clone, Copy, Default, Debug)]
pub struct Auxiliary {
    /// AT_PHDR: the program headers in memory, bias included.
    pub headers: u64,
    /// AT_PHNUM.
    pub header_count: u64,
    /// AT_BASE: the interpreter's load bias (0 without an interpreter).
    pub base: u64,
    /// AT_ENTRY: the program's own entry.
    pub entry: u64,
    /// AT_UID.
    pub uid: u32,
    /// AT_EUID.
    pub euid: u32,
    /// AT_GID.
    pub gid: u32,
    /// AT_EGID.
    pub egid: u32,
    /// AT_SECURE: a set-user-ID program.
    pub secure: bool,
    /// What AT_RANDOM points to.
    pub random: [u8; 16],
    /// AT_HWCAP: CPUID leaf 1, EDX.
    pub hwcap: u64,
    /// AT_HWCAP2: bit 1: FSGSBASE may be used.
    pub hwcap2: u64,
    /// AT_SYSINFO_EHDR: the vDSO; 0: none.
    pub vdso: u64,
    /// AT_MINSIGSTKSZ: see [`crate::signal::frame::minimum_stack`].
    pub minimum_signal_stack: u64,
}

/// The finished stack.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StackImage {
    /// The initial stack pointer, 16-aligned: address of the first of `bytes`.
    pub rsp: u64,
    /// What to copy there; ends at the stack's top.
    pub bytes: Vec<u8>,
    /// Addresses of the argument strings, for /proc/pid/cmdline: first byte, and first past the end.
    pub arguments: (u64, u64),
    /// Addresses of the environment strings, likewise.
    pub environment: (u64, u64),
    /// The auxiliary vector, for /proc/pid/auxv.
    pub auxiliary: Vec<u8>,
}

/// Builds the stack below `top` (page aligned). The caller has checked the strings with [`Budget`].
///
/// `executed` is the path for AT_EXECFN; `offset_random` moves the stack pointer by up to 8 KiB, as Linux does.
///
/// # Errors
/// EINVAL: the stack does not fit below `top`; ENOMEM.
pub fn build(
    top: u64,
    arguments: &Strings,
    environment: &Strings,
    executed: &[u8],
    auxiliary: &Auxiliary,
    offset_random: u64,
) -> Result<StackImage> {
    // From the top: eight zero bytes, the path, the environment's strings, the arguments' strings.
    let size = |strings: &Strings| strings.bytes().len() as u64;
    let execfn = top.checked_sub(8 + executed.len() as u64 + 1).ok_or(Errno::EINVAL)?;
    let environment_start = execfn.checked_sub(size(environment)).ok_or(Errno::EINVAL)?;
    let arguments_start = environment_start.checked_sub(size(arguments)).ok_or(Errno::EINVAL)?;

    // Then the platform's name and the random bytes, then the vectors, with the stack pointer 16-aligned.
    const PLATFORM: &[u8] = b"x86_64\0";
    let random_part = offset_random % (2 * PAGE);
    let low = (arguments_start.checked_sub(random_part).ok_or(Errno::EINVAL)?) & !15;
    let platform = low.checked_sub(PLATFORM.len() as u64).ok_or(Errno::EINVAL)?;
    let random = platform.checked_sub(16).ok_or(Errno::EINVAL)?;
    let vector = auxiliary_vector(auxiliary, execfn, platform, random);
    let words = 1 + arguments.len() as u64 + 1 + environment.len() as u64 + 1 + vector.len() as u64;
    let rsp = random.checked_sub(words * 8).ok_or(Errno::EINVAL)? & !15;

    let length = usize::try_from(top - rsp).map_err(|_| Errno::ENOMEM)?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length).map_err(|_| Errno::ENOMEM)?;
    let mut word = |value: u64| bytes.extend_from_slice(&value.to_le_bytes());
    word(arguments.len() as u64);
    for (strings, start) in [(arguments, arguments_start), (environment, environment_start)] {
        let mut at = start;
        for string in strings.iter() {
            word(at);
            at += string.len() as u64 + 1;
        }
        word(0);
    }
    for &value in &vector {
        word(value);
    }
    let auxiliary_bytes = bytes[bytes.len() - vector.len() * 8..].to_vec();
    bytes.resize((random - rsp) as usize, 0);
    bytes.extend_from_slice(&auxiliary.random);
    bytes.extend_from_slice(PLATFORM);
    bytes.resize((arguments_start - rsp) as usize, 0);
    bytes.extend_from_slice(arguments.bytes());
    bytes.extend_from_slice(environment.bytes());
    bytes.extend_from_slice(executed);
    bytes.resize(length, 0);
    Ok(StackImage {
        rsp,
        bytes,
        arguments: (arguments_start, environment_start),
        environment: (environment_start, execfn),
        auxiliary: auxiliary_bytes,
    })
}

fn auxiliary_vector(a: &Auxiliary, execfn: u64, platform: u64, random: u64) -> Vec<u64> {
    let mut vector = Vec::with_capacity(44);
    let mut put = |key: u64, value: u64| vector.extend_from_slice(&[key, value]);
    if a.vdso != 0 {
        put(at::SYSINFO_EHDR, a.vdso);
    }
    put(at::MINSIGSTKSZ, a.minimum_signal_stack);
    put(at::HWCAP, a.hwcap);
    put(at::PAGESZ, PAGE);
    put(at::CLKTCK, 100);
    put(at::PHDR, a.headers);
    put(at::PHENT, 56);
    put(at::PHNUM, a.header_count);
    put(at::BASE, a.base);
    put(at::FLAGS, 0);
    put(at::ENTRY, a.entry);
    put(at::UID, a.uid.into());
    put(at::EUID, a.euid.into());
    put(at::GID, a.gid.into());
    put(at::EGID, a.egid.into());
    put(at::SECURE, a.secure.into());
    put(at::RANDOM, random);
    put(at::HWCAP2, a.hwcap2);
    put(at::EXECFN, execfn);
    put(at::PLATFORM, platform);
    put(at::NULL, 0);
    vector
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    const TOP: u64 = 0x7fff_ffee_f000;

    struct View<'a>(&'a StackImage);
    impl View<'_> {
        fn word(&self, at: u64) -> u64 {
            let i = (at - self.0.rsp) as usize;
            u64::from_le_bytes(self.0.bytes[i..i + 8].try_into().unwrap())
        }
        fn string(&self, at: u64) -> Vec<u8> {
            let i = (at - self.0.rsp) as usize;
            self.0.bytes[i..].iter().copied().take_while(|&b| b != 0).collect()
        }
    }

    fn strings(list: &[&str]) -> Strings {
        Strings::of(list).unwrap()
    }

    #[test]
    fn is_what_a_program_expects() {
        let aux = Auxiliary { entry: 0x1234, random: [7; 16], vdso: 0x7000, uid: 5, ..Auxiliary::default() };
        for offset in [0, 1, 8191, u64::MAX] {
            for arguments in 1..5 {
                let args = strings(&["a", "bc", "", "def", "x"][..arguments]);
                let env = strings(&["PATH=/bin", "X="]);
                let image = build(TOP, &args, &env, b"/bin/a", &aux, offset).unwrap();
                assert_eq!((image.rsp % 16, image.rsp + image.bytes.len() as u64), (0, TOP));
                let view = View(&image);
                let argc = view.word(image.rsp);
                assert_eq!(argc, arguments as u64);
                assert!(image.bytes.len() as u64 <= size(&args, &env, b"/bin/a"));
                for (i, arg) in args.iter().enumerate() {
                    assert_eq!(&view.string(view.word(image.rsp + 8 + 8 * i as u64)), arg);
                }
                let mut at = image.rsp + 8 + 8 * argc;
                assert_eq!(view.word(at), 0);
                assert_eq!(view.string(view.word(at + 8)), b"PATH=/bin");
                assert_eq!(view.string(view.word(at + 16)), b"X=");
                assert_eq!(view.word(at + 24), 0);
                at += 32;
                let mut found = std::collections::BTreeMap::new();
                while view.word(at) != 0 {
                    found.insert(view.word(at), view.word(at + 8));
                    at += 16;
                }
                assert_eq!(found[&at::ENTRY], 0x1234);
                assert_eq!(found[&at::UID], 5);
                assert_eq!(found[&at::SYSINFO_EHDR], 0x7000);
                assert_eq!(view.string(found[&at::EXECFN]), b"/bin/a");
                assert_eq!(view.string(found[&at::PLATFORM]), b"x86_64");
                assert_eq!(view.word(found[&at::RANDOM]), 0x0707_0707_0707_0707);
                assert_eq!(image.auxiliary.len(), found.len() * 16 + 16);
                assert_eq!(view.string(image.environment.0), b"PATH=/bin");
                assert_eq!(image.arguments.1, image.environment.0);
            }
        }
    }

    #[test]
    fn limits_are_linuxs() {
        let fits = |strings: &[usize], stack_limit| {
            let mut budget = Budget::new(stack_limit, strings.len(), 0)?;
            strings.iter().try_for_each(|length| budget.take(*length))
        };
        assert_eq!(fits(&[STRING_MAX - 1], 8 << 20), Ok(()));
        assert_eq!(fits(&[STRING_MAX], 8 << 20), Err(Errno::E2BIG));
        // The 128 KiB are for strings and pointers together.
        let small = 256 << 10;
        assert_eq!(fits(&vec![0; 20_000], small), Err(Errno::E2BIG));
        assert_eq!(fits(&vec![0; 20_000], 8 << 20), Ok(()));
        assert_eq!(fits(&[0xffff, 0xffff - 16], small), Ok(()));
        assert_eq!(fits(&[0xffff, 0xffff - 15], small), Err(Errno::E2BIG));
        // An empty list becomes one empty string; no limit is 6 MiB.
        assert_eq!(Budget::new(small, 0, 0), Budget::new(small, 1, 0));
        assert_eq!(Budget::new(u64::MAX, 1, 0), Budget::new(24 << 20, 1, 0));
        assert_eq!(Budget::new(small, 16384, 0), Err(Errno::E2BIG));
        // A stack that is smaller than that.
        assert_eq!(fits(&[65536 - 9], 65536), Ok(()));
        assert_eq!(fits(&[65536 - 8], 65536), Err(Errno::E2BIG));
        assert_eq!(fits(&[4096 - 9], 0), Ok(()));
        let long = Strings::of(&[vec![b'x'; STRING_MAX - 1]]).unwrap();
        assert_eq!(build(0x1000, &long, &Strings::new(), b"", &Auxiliary::default(), 0), Err(Errno::EINVAL));
    }
}
