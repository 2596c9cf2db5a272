//! A bug in the kernel ends the VM, with a message in the VMM's log. So does an allocation that fails where nobody can be told,
//! but that is the program's doing: it ends as by the out-of-memory killer.

use crate::arch::hypercall;
use crate::heap;
use core::fmt::Write;

struct Line {
    text: [u8; 512],
    used: usize,
}

impl Write for Line {
    fn write_str(&mut self, part: &str) -> core::fmt::Result {
        let n = part.len().min(self.text.len() - self.used);
        self.text[self.used..self.used + n].copy_from_slice(&part.as_bytes()[..n]);
        self.used += n;
        Ok(())
    }
}

/// What the message of `alloc::alloc::handle_alloc_error` has in it.
const ALLOCATION: &[u8] = b"memory allocation of ";

/// What is said where memory runs out.
pub const OUT_OF_MEMORY: &str = "out of memory: the program is ended (give the VM more with -m)";

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    let mut line = Line { text: [0; 512], used: 0 };
    let _ = write!(line, "{info}");
    if heap::is_exhausted() && line.text.windows(ALLOCATION.len()).any(|text| text == ALLOCATION) {
        hypercall::log(OUT_OF_MEMORY);
        hypercall::exit(9);
    }
    hypercall::die(core::str::from_utf8(&line.text[..line.used]).unwrap_or("kernel panic"))
}

/// Referenced by the precompiled core library; never called, since panics abort.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

/// Likewise.
#[unsafe(no_mangle)]
extern "C" fn _Unwind_Resume() -> ! {
    hypercall::die("unwinding in the kernel")
}
