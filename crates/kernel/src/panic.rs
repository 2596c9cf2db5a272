//! A bug in the kernel ends the VM, with a message in the VMM's log.

use crate::arch::hypercall;
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

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    let mut line = Line { text: [0; 512], used: 0 };
    let _ = write!(line, "{info}");
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
