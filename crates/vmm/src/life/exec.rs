//! Processes that somebody outside adds to the session.
//!
//! ```text
//!   waiting ──► asked (records written, event EXEC) ── FORK, flags 2 ──► promised to the keeper ──► answered with its pid
//!                              └────────── EXEC_FAILED ──► a line for the status pipe says why ───► answered
//! ```
//!
//! One at a time: the records are one, and so is the keeper's promise.

use super::Live;
use crate::boot::replace_records;
use crate::clone::{ExecOrder, Refusal, Ticket, exit_document};
use crate::run::{answer, errno};
use crate::session::list;
use crate::vm::{Ending, monotonic};
use ramet_abi::mailbox::event;
use ramet_abi::session::op;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::sync::atomic::Ordering::Acquire;
use std::time::Duration;

/// How long VMs that are being stopped are waited for, ns.
const STOPPING: u64 = 2_000_000_000;

/// Whether a process of the host is neither stopped nor over.
fn is_running(pid: u64) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The second field, in parentheses, may contain anything: count from behind it.
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    state.is_some_and(|state| !matches!(state, 'T' | 't' | 'Z' | 'X'))
}

/// FORK: a process for somebody outside.
const ADDED: u32 = 2;

/// Those that are not made yet; the guest has been asked for the first one.
pub type Waiting = VecDeque<(Ticket, ExecOrder)>;

impl Live {
    /// Adds a process, after those that are waiting.
    pub(super) fn exec(&mut self, ticket: Ticket, order: ExecOrder) {
        if self.paused {
            self.desk.answer(ticket, Err(Refusal::new("the VM is paused: resume it first")));
            return;
        }
        // Until then the records are the first program's.
        if self.machine.body.shared.area.identity().program_start_tsc.load(Acquire) == 0 {
            let refusal = Refusal { text: "its program has not begun yet".into(), errno: Some(libc::EAGAIN) };
            self.desk.answer(ticket, Err(refusal));
            return;
        }
        self.execs.push_back((ticket, order));
        if self.execs.len() == 1 {
            self.ask_for_next();
        }
    }

    fn ask_for_next(&mut self) {
        while let Some((ticket, order)) = self.execs.front() {
            let area = &self.machine.body.shared.area;
            let spec = &order.spec;
            match replace_records(area, &spec.args, &spec.env, &spec.cwd, &spec.user) {
                Ok(()) => {
                    area.raise(event::EXEC);
                    crate::run::announce_events(&mut self.machine);
                    return;
                }
                Err(error) => {
                    let refusal = Refusal { text: error.to_string(), errno: Some(libc::E2BIG) };
                    self.desk.answer(*ticket, Err(refusal));
                    self.execs.pop_front();
                }
            }
        }
    }

    /// The guest is about to fork: the keeper gets the streams, if it is for somebody outside. True: it is.
    pub(super) fn promise(&self) -> bool {
        let Some(session) = &self.machine.body.session else { return false };
        if session.channel.operation() != op::FORK || session.channel.flags() & ADDED == 0 {
            return false;
        }
        let Some((_, order)) = self.execs.front() else { return false };
        // Without the promise the keeper refuses the fork.
        let _ = session.promise(order.spec.terminal, order.descriptors.each_ref().map(AsRawFd::as_raw_fd));
        true
    }

    /// That fork has been answered: the process exists, or the guest says why not.
    pub(super) fn promised(&mut self) {
        let result = self.machine.body.shared.area.mailbox().hypercall.result.load(Acquire) as i64;
        if result > 0
            && let Some((ticket, _)) = self.execs.pop_front()
        {
            self.desk.answer(ticket, Ok(json!({ "pid": result })));
            self.ask_for_next();
        }
    }

    /// Stops the session's other VMs, and waits until they stand still.
    pub(super) fn pause_others(&self) {
        let Some(session) = &self.machine.body.session else { return };
        session.pause(true);
        let Some(Ok(list)) = self.desk.with_keeper(list) else { return };
        let end = monotonic() + STOPPING;
        let own = u64::from(std::process::id());
        let vmms = list.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()?["vmm"].as_u64());
        for vmm in vmms.filter(|vmm| *vmm != own) {
            while is_running(vmm) && monotonic() < end {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }

    /// The guest cannot add the process.
    pub(super) fn exec_failed(&mut self, status: u8, why: String) {
        let Some((ticket, order)) = self.execs.pop_front() else {
            answer(&self.machine, errno(libc::ENOENT));
            return;
        };
        answer(&self.machine, 0);
        let [.., pipe] = order.descriptors;
        let document = exit_document(&Ending::NotStarted { status, why });
        // A reader that is gone does not want to know.
        let _ = std::fs::File::from(pipe).write_all(format!("{document}\n").as_bytes());
        self.desk.answer(ticket, Ok(json!({ "pid": Value::Null })));
        self.ask_for_next();
    }
}
