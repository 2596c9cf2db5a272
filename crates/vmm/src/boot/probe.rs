//! A tiny guest that measures this host's KVM.

use super::{GUEST_FLAGS, SETUP, system_registers, tables};
use crate::vm::{Clock, Error, KICK, TIMER};
use ramet_abi::hypercall::HYPERCALL_PORT;
use ramet_abi::layout::{KERNEL_GPA, KERNEL_WINDOW, selector};
use ramet_kvm::{Exit, Host, Registers, Vcpu, Vm};
use ramet_memory::{MIN_RAM, Ram};
use std::time::{Duration, Instant};

/// Iterations of the measured loop: long against an exit, short even where every instruction is emulated.
const ITERATIONS: u32 = 20_000;
/// Exits measured.
const EXITS: usize = 101;

/// What was measured.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// The loop at CPL 3.
    pub user_loop: Duration,
    /// The same loop at CPL 0.
    pub kernel_loop: Duration,
    /// Median of an exit to user space and back, from CPL 3.
    pub exit: Duration,
    /// The guest's time stamp counter is the host's.
    pub host_tsc: bool,
}

impl Measured {
    /// Whether ring 0 code is emulated, instruction by instruction.
    pub fn is_software(&self) -> bool {
        self.kernel_loop > self.user_loop * 10
    }
}

/// Runs the guest.
pub fn measure(host: &Host) -> Result<Measured, Error> {
    let (user_loop, exit, host_tsc) = run(host, 3)?;
    let (kernel_loop, ..) = run(host, 0)?;
    Ok(Measured { user_loop, kernel_loop, exit, host_tsc })
}

fn run(host: &Host, level: u8) -> Result<(Duration, Duration, bool), Error> {
    let ram = Ram::new(MIN_RAM).map_err(Error::host("guest memory"))?;
    tables::page_tables(&ram)?;
    tables::descriptors(&ram)?;
    // mov $ITERATIONS,%ecx; 1: dec %ecx; jnz 1b; 2: out %al,$HYPERCALL_PORT; jmp 2b
    let [a, b, c, d] = ITERATIONS.to_le_bytes();
    let code = [0xb9, a, b, c, d, 0xff, 0xc9, 0x75, 0xfc, 0xe6, HYPERCALL_PORT as u8, 0xeb, 0xfc];
    ram.write(KERNEL_GPA, &code)?;
    let mut vm = Vm::new(host)?;
    super::add_ram(&mut vm, &ram, &(0..ram.present()))?;
    let mut vcpu = Vcpu::new(host, &vm, &[KICK, TIMER])?;
    let mut sregs = system_registers(vcpu.reset_state()?, host);
    if level == 0 {
        sregs.cs = Vcpu::code_segment(selector::KERNEL_CODE, 0);
        sregs.ss = Vcpu::data_segment(selector::KERNEL_DATA, 0);
    }
    let regs = Registers { rip: KERNEL_WINDOW + KERNEL_GPA, rflags: GUEST_FLAGS, ..Default::default() };
    vcpu.boot(host, &SETUP, &regs, &sregs)?;
    // The first entry pays for the page tables of KVM itself; then the loop runs with everything in place.
    timed_run(&mut vcpu)?;
    vcpu.registers_mut().rip = KERNEL_WINDOW + KERNEL_GPA;
    let whole = timed_run(&mut vcpu)?;
    let mut exits = (0..EXITS).map(|_| timed_run(&mut vcpu)).collect::<Result<Vec<_>, Error>>()?;
    exits.sort();
    let exit = exits[EXITS / 2];
    let host_tsc = !Clock::new(vcpu.tsc_hz()?, || vcpu.tsc())?.is_own();
    Ok((whole.saturating_sub(exit).max(Duration::from_nanos(1)), exit, host_tsc))
}

fn timed_run(vcpu: &mut Vcpu) -> Result<Duration, Error> {
    let start = Instant::now();
    match vcpu.run()? {
        Exit::Out { port: HYPERCALL_PORT } => Ok(start.elapsed()),
        exit => Err(Error::Request(format!("the test guest stopped with {exit:?}"))),
    }
}
