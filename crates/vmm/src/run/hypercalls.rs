//! Hypercalls: arguments are read once from the mailbox, checked, and answered there.

use super::{Runner, Stop, exits};
use crate::boot::add_ram;
use crate::hostfs::Errno;
use crate::session::Gone;
use crate::vm::{Ending, GuestFault, Machine, Milestone, TIMER, wait_until};
use ramet_abi::hypercall::*;
use ramet_abi::layout::{LOG_OFFSET, LOG_SIZE, PAGE_SIZE, ROOT_TABLE_GPA, ROOT_TABLE_TWIN_GPA};
use ramet_abi::mailbox::event;
use ramet_abi::session::op;
use std::sync::atomic::Ordering::{Acquire, Release};

/// A negative error number as a hypercall's result.
pub fn errno(number: i32) -> u64 {
    -i64::from(number) as u64
}

/// Answers the hypercall that the guest is in.
pub fn answer(machine: &Machine, result: u64) {
    machine.body.shared.area.mailbox().hypercall.result.store(result, Release);
}

/// Serves hypercall `number`. The guest's registers are not touched.
pub fn serve(runner: &mut Runner, machine: &mut Machine, number: u16) -> Result<Option<Stop>, GuestFault> {
    if matches!(number, WAIT | EXIT | FORK) {
        machine.body.tell_working_set(if number == WAIT { Milestone::Rest } else { Milestone::Other });
    }
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
        GROW_RAM => match grow(machine, first) {
            Ok(result) => result,
            Err(Gone) => return Ok(Some(Stop::Orphaned)),
        },
        RELEASE_RAM => release(machine, first, second),
        HOSTFS => {
            let body = &mut machine.body;
            body.hostfs.serve(&mut machine.vm, &body.shared.area) as u64
        }
        PROGRAM_STATE => {
            if first == STATE_RESET {
                if machine.body.origin.is_some() {
                    return Ok(Some(Stop::Reset));
                }
                answer(machine, errno(libc::EOPNOTSUPP));
                return Ok(None);
            }
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
        SESSION_OPEN => return Ok(Some(Stop::OpenSession)),
        SESSION_CALL => match session_call(machine) {
            Ok(result) => result,
            Err(Gone) => return Ok(Some(Stop::Orphaned)),
        },
        FORK => return Ok(Some(Stop::Fork)),
        EXEC_FAILED => {
            // Other codes are a program's.
            let status = if (126..=127).contains(&first) { first as u8 } else { 125 };
            return Ok(Some(Stop::ExecFailed(status, message(machine, second))));
        }
        _ => errno(libc::ENOSYS),
    };
    answer(machine, result);
    Ok(None)
}

/// Has the keeper serve the request in the channel. The memory that comes with an answer becomes a file of the host file system: its number
/// takes the place of the keeper's result.
fn session_call(machine: &mut Machine) -> Result<u64, Gone> {
    let body = &mut machine.body;
    let Some(session) = &body.session else { return Ok(errno(libc::ENOTCONN)) };
    let operation = session.channel.operation();
    let received = session.call()?;
    let has_memory = match operation {
        op::MEMORY => true,
        op::PIPE_MEMORY => !received.fds.is_empty(),
        _ => false,
    };
    if has_memory && session.channel.result() >= 0 {
        let adopted = match received.fds.into_iter().next() {
            Some(memory) => body.hostfs.adopt(memory.into()).map(i64::from),
            None => Err(Errno(libc::EMFILE)),
        };
        session.channel.set_result(adopted.unwrap_or_else(|Errno(number)| -i64::from(number)));
    }
    Ok(0)
}

/// Sleeps as [`WAIT`] says. A request of another thread ends it too: the guest looks again and comes back.
fn wait(machine: &mut Machine, sequence: u64, deadline: u64) {
    let body = &mut machine.body;
    let mailbox = body.shared.area.mailbox();
    body.look_for_notices();
    while mailbox.events.load(Acquire) == 0
        && mailbox.sequence.load(Acquire) == sequence as u32
        && !body.shared.requested()
    {
        match wait_until(deadline) {
            None => return,
            Some(TIMER) => body.shared.area.raise(event::TIMER),
            Some(_) => body.look_for_notices(),
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

fn grow(machine: &mut Machine, wanted: u64) -> Result<u64, Gone> {
    let body = &mut machine.body;
    let Some(range) = body.ram.growth(wanted) else { return Ok(errno(libc::ENOMEM)) };
    if !range.is_empty() {
        if let Some(session) = &body.session
            && !session.ram(range.end)?
        {
            return Ok(errno(libc::ENOMEM));
        }
        if add_ram(&mut machine.vm, &body.ram, &range).is_err() {
            return Ok(errno(libc::ENOMEM));
        }
        body.ram.set_present(range.end);
        body.ram_slots.push(range);
        body.shared.note_ram(body.ram.present(), body.ram.limit());
    }
    Ok(body.ram.present())
}

fn release(machine: &mut Machine, offset: u64, length: u64) -> u64 {
    let ram = &machine.body.ram;
    let aligned = offset.is_multiple_of(PAGE_SIZE) && length.is_multiple_of(PAGE_SIZE);
    match offset.checked_add(length) {
        Some(end) if aligned && end <= ram.present() => match ram.release(offset, length) {
            Ok(()) => {
                // In no log of KVM's.
                if let Some(origin) = &mut machine.body.origin {
                    origin.note(offset, length);
                }
                0
            }
            Err(e) => errno(e.raw_os_error().unwrap_or(libc::EINVAL)),
        },
        _ => errno(libc::EINVAL),
    }
}
