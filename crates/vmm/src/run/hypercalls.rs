//! Hypercalls: arguments are read once from the mailbox, checked, and answered there.

use super::{Runner, Stop, exits};
use crate::boot::add_ram;
use crate::vm::{Ending, GuestFault, Machine, TIMER, wait_until};
use ramet_abi::hypercall::*;
use ramet_abi::layout::{LOG_OFFSET, LOG_SIZE, PAGE_SIZE, ROOT_TABLE_GPA, ROOT_TABLE_TWIN_GPA};
use ramet_abi::mailbox::event;
use std::sync::atomic::Ordering::{Acquire, Release};

fn errno(number: i32) -> u64 {
    -i64::from(number) as u64
}

/// Serves hypercall `number`. The guest's registers are not touched.
pub fn serve(runner: &mut Runner, machine: &mut Machine, number: u16) -> Result<Option<Stop>, GuestFault> {
    let call = &machine.body.shared.area.mailbox().hypercall;
    let [first, second] = [0, 1].map(|i: usize| call.arguments[i].load(Acquire));
    let result = match number {
        FLUSH_TLB => {
            let sregs = machine.vcpu.system_registers_mut();
            sregs.cr3 ^= ROOT_TABLE_GPA ^ ROOT_TABLE_TWIN_GPA;
            return Ok(None);
        }
        WAIT => {
            wait(machine, first, second);
            0
        }
        SET_TIMER => match runner.timer.set(first) {
            Ok(()) => 0,
            Err(_) => errno(libc::EINVAL),
        },
        EXIT if second == 0 => return Ok(Some(Stop::Ended(Ending::Program(first as i32 & 0xffff)))),
        EXIT => return Ok(Some(Stop::Ended(not_started(machine, first, second)))),
        PANIC => return Err(GuestFault::Panic(message(machine, first))),
        LOG => {
            crate::complain(&format!("kernel: {}", message(machine, first)));
            0
        }
        GROW_RAM => grow(machine, first),
        RELEASE_RAM => release(machine, first, second),
        HOSTFS => {
            let body = &mut machine.body;
            body.hostfs.serve(&mut machine.vm, &body.shared.area) as u64
        }
        PROGRAM_STATE => {
            call.result.store(0, Release);
            return Ok(Some(Stop::State(first)));
        }
        SET_FS_BASE => {
            // A base that is not canonical is refused by KVM, which would end the run: refuse it here.
            if (first as i64) << 16 >> 16 == first as i64 {
                machine.vcpu.system_registers_mut().fs.base = first;
                0
            } else {
                errno(libc::EINVAL)
            }
        }
        _ => errno(libc::ENOSYS),
    };
    machine.body.shared.area.mailbox().hypercall.result.store(result, Release);
    Ok(None)
}

/// Sleeps as [`WAIT`] says. A request of another thread ends it too: the guest looks again and comes back.
fn wait(machine: &mut Machine, sequence: u64, deadline: u64) {
    let body = &mut machine.body;
    let mailbox = body.shared.area.mailbox();
    while mailbox.events.load(Acquire) == 0
        && mailbox.sequence.load(Acquire) == sequence as u32
        && !body.shared.requested()
    {
        match wait_until(deadline) {
            None => return,
            Some(TIMER) => body.shared.area.raise(event::TIMER),
            Some(_) => {}
        }
    }
    exits::take_signals(machine);
}

fn not_started(machine: &Machine, status: u64, length: u64) -> Ending {
    let status = (status >> 8) as u8;
    // Other codes are a program's.
    let status = if (125..=127).contains(&status) { status } else { 125 };
    Ending::NotStarted { status, why: message(machine, length) }
}

fn message(machine: &Machine, length: u64) -> String {
    let mut text = vec![0; length.min(LOG_SIZE) as usize];
    if machine.body.shared.area.read(LOG_OFFSET, &mut text).is_err() {
        text.clear();
    }
    // One line: what a guest writes must not pass for another line of the log, or for the terminal's commands.
    String::from_utf8_lossy(&text).trim_end().chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn grow(machine: &mut Machine, wanted: u64) -> u64 {
    let body = &mut machine.body;
    let Some(range) = body.ram.growth(wanted) else { return errno(libc::ENOMEM) };
    if !range.is_empty() {
        if add_ram(&mut machine.vm, &body.ram, &range).is_err() {
            return errno(libc::ENOMEM);
        }
        body.ram.set_present(range.end);
        body.ram_slots.push(range);
        body.shared.note_ram(body.ram.present(), body.ram.limit());
    }
    body.ram.present()
}

fn release(machine: &Machine, offset: u64, length: u64) -> u64 {
    let ram = &machine.body.ram;
    let aligned = offset.is_multiple_of(PAGE_SIZE) && length.is_multiple_of(PAGE_SIZE);
    match offset.checked_add(length) {
        Some(end) if aligned && end <= ram.present() => match ram.release(offset, length) {
            Ok(()) => 0,
            Err(e) => errno(e.raw_os_error().unwrap_or(libc::EINVAL)),
        },
        _ => errno(libc::EINVAL),
    }
}
