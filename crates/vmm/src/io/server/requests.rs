//! What each request of `docs/spec/control.md` does.

use super::{Server, Waiting, after};
use crate::clone::{
    Answer, BYTES_MOST, CloneOrder, ExecOrder, ExecSpec, FreezeSettings, Order, Refusal, ResetOrder, State,
    Ticket, WriteSpec,
};
use crate::io::connection::Line;
use crate::io::protocol::{Request, answer_line, parse};
use crate::session;
use crate::vm::{Ending, monotonic};
use ramet_abi::syscall::{self, Counters, NOT_SERVED};
use serde_json::{Map, Value, json};
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::time::Duration;

/// Highest signal number.
const MOST_SIGNAL: u32 = 64;

impl Server {
    /// Serves one request: the answer, or what the client waits for.
    pub(super) fn serve(
        &mut self,
        ticket: Ticket,
        line: Line,
        orders: &mut Vec<Order>,
    ) -> Result<Answer, Waiting> {
        let request = match parse(&line.text) {
            Ok(request) => request,
            Err(text) => return Ok(Err(Refusal::new(text))),
        };
        let frozen = self.desk.state() == State::Frozen;
        let has_vcpu = |what: &str| match frozen {
            true => Err(Refusal::new(format!("a frozen VM cannot {what}: clone it"))),
            false => Ok(Value::Null),
        };
        match request {
            Request::Info => Ok(Ok(self.info())),
            Request::Signal { signal } if !(1..=MOST_SIGNAL).contains(&signal) => {
                Ok(Err(Refusal { text: format!("no signal {signal}"), errno: Some(libc::EINVAL) }))
            }
            Request::Signal { signal } => {
                let answer = has_vcpu("take a signal");
                if answer.is_ok() {
                    self.signal(signal);
                }
                Ok(answer)
            }
            Request::Kill => {
                if let Some(client) = self.clients.get_mut(&ticket) {
                    client.connection.send(&answer_line(&Ok(Value::Null)));
                    client.connection.flush_within(Duration::from_secs(1));
                }
                orders.push(Order::End(Ending::Killed));
                Err(Waiting::Over)
            }
            Request::Pause => order(has_vcpu("pause"), Order::Pause(ticket), orders),
            Request::Resume => order(has_vcpu("resume"), Order::Resume(ticket), orders),
            Request::Freeze { pool, resettable } => {
                let answer = has_vcpu("freeze again").and_then(|answer| pool.check().map(|()| answer));
                order(answer, Order::Freeze(ticket, FreezeSettings { pool, resettable }), orders)
            }
            Request::Reset { reset } => {
                // What it has written is not lost, if somebody reads it.
                if let Some(console) = self.console.as_mut().filter(|_| !frozen) {
                    let _ = console.flush(&self.shared);
                }
                let wanted = has_vcpu("be reset").and_then(|_| ResetOrder::new(*reset, line.fds));
                match wanted {
                    Ok(reset) => order(Ok(Value::Null), Order::Reset(ticket, Box::new(reset)), orders),
                    Err(refusal) => Ok(Err(refusal)),
                }
            }
            Request::WriteMemory { address, bytes, keep } => {
                match has_vcpu("be written to").and_then(|_| WriteSpec::new(address, &bytes, keep)) {
                    Ok(write) => order(Ok(Value::Null), Order::Write(ticket, Box::new(write)), orders),
                    Err(refusal) => Ok(Err(refusal)),
                }
            }
            Request::ReadMemory { length, .. } if length > BYTES_MOST => {
                Ok(Err(Refusal::new(format!("at most {BYTES_MOST} bytes at once"))))
            }
            Request::ReadMemory { address, length } => {
                order(has_vcpu("be read"), Order::Read(ticket, address, length), orders)
            }
            Request::Pool { pool } => {
                let answer = if frozen {
                    pool.check()
                } else {
                    Err(Refusal::new("only a frozen VM has a pool: freeze it"))
                };
                order(answer.map(|()| Value::Null), Order::Pool(ticket, pool), orders)
            }
            Request::Resize { rows, columns } => {
                let answer = has_vcpu("change its terminal");
                if answer.is_ok() {
                    self.resize(rows, columns);
                }
                Ok(answer)
            }
            Request::WaitReady { timeout } => Err(Waiting::Ready(after(timeout))),
            Request::Wait => Err(Waiting::End),
            Request::Exec { exec } => {
                match has_vcpu("run another process").and_then(|_| exec_order(*exec, line)) {
                    Ok(exec) => order(Ok(Value::Null), Order::Exec(ticket, Box::new(exec)), orders),
                    Err(refusal) => Ok(Err(refusal)),
                }
            }
            Request::ExecSignal { signal, .. } if !(1..=MOST_SIGNAL).contains(&signal) => {
                Ok(Err(Refusal { text: format!("no signal {signal}"), errno: Some(libc::EINVAL) }))
            }
            Request::ExecSignal { pid, signal } => {
                self.desk.with_keeper(|line| session::signal(line, pid, signal as u8));
                Ok(Ok(Value::Null))
            }
            Request::ExecResize { pid, rows, columns } => {
                self.desk.with_keeper(|line| session::resize(line, pid, rows, columns));
                Ok(Ok(Value::Null))
            }
            Request::Processes => Ok(self.processes()),
            Request::Clone { clone } => match CloneOrder::of_control(*clone, line.fds, line.tsc) {
                Ok(clone) => order(Ok(Value::Null), Order::Clone(ticket, Box::new(clone)), orders),
                Err(refusal) => Ok(Err(refusal)),
            },
        }
    }

    /// The session's processes; of a program that has not forked the only one.
    fn processes(&self) -> Answer {
        let Some(list) = self.desk.with_keeper(session::list) else {
            let pid = self.shared.area.identity().pid.load(Acquire);
            let alone = json!({
                "pid": pid, "parent": 0, "group": pid, "session": pid, "state": "running", "command": null,
                "args": null, "uid": null, "vmm": std::process::id(), "exec": false,
            });
            return Ok(json!({ "processes": [alone] }));
        };
        let list = list.map_err(|error| Refusal::host("the session's keeper", &error))?;
        let processes: Result<Vec<Value>, _> = list.lines().map(serde_json::from_str).collect();
        let processes = processes.map_err(|error| Refusal::new(format!("the session's keeper: {error}")))?;
        Ok(json!({ "processes": processes }))
    }

    fn info(&self) -> Value {
        let state = match self.desk.state() {
            State::Running => "running",
            State::Paused => "paused",
            State::Frozen => "frozen",
        };
        // The guest writes these: numbers for people, nothing more.
        let identity = self.shared.area.identity();
        json!({
            "id": self.profile.id,
            "name": self.profile.name,
            "pid": std::process::id(),
            "state": state,
            "generation": self.profile.generation + self.desk.resets(),
            "resets": self.desk.resets(),
            "parent": self.profile.parent,
            "ready": self.desk.ready(),
            "done": self.desk.done(),
            "uptime": (monotonic() - self.started) as f64 / 1e9,
            "memory": {"limit": self.shared.ram_limit(), "present": self.shared.ram_present()},
            "pool": self.pool,
            "syscalls": syscalls(self.shared.area.counters()),
            "first_instruction_tsc": identity.first_instruction_tsc.load(Acquire),
            "program_start_tsc": identity.program_start_tsc.load(Acquire),
        })
    }
}

/// What the guest has counted. It writes these too: numbers for people.
fn syscalls(counters: &Counters) -> Value {
    let (mut calls, mut not_served) = (Map::new(), Map::new());
    for (number, counter) in counters.calls.iter().enumerate() {
        let count = counter.load(Relaxed);
        if count != 0 {
            let name = syscall::name(number).map_or_else(|| format!("syscall_{number}"), str::to_owned);
            let to = if count & NOT_SERVED != 0 { &mut not_served } else { &mut calls };
            to.insert(name, (count & !NOT_SERVED).into());
        }
    }
    let beyond = counters.beyond.load(Relaxed);
    if beyond != 0 {
        not_served.insert("unassigned".into(), beyond.into());
    }
    json!({
        "sites": counters.sites.load(Relaxed),
        "traps": counters.traps.load(Relaxed),
        "calls": calls,
        "not_served": not_served,
    })
}

/// Gives an order, if it makes sense.
fn order(answer: Answer, order: Order, orders: &mut Vec<Order>) -> Result<Answer, Waiting> {
    match answer {
        Ok(_) => {
            orders.push(order);
            Err(Waiting::Desk)
        }
        Err(refusal) => Ok(Err(refusal)),
    }
}

fn exec_order(spec: ExecSpec, line: Line) -> Result<ExecOrder, Refusal> {
    spec.check().map_err(Refusal::new)?;
    let descriptors = <[_; 4]>::try_from(line.fds)
        .map_err(|fds| Refusal::new(format!("a process needs 4 descriptors, {} came", fds.len())))?;
    Ok(ExecOrder { spec, descriptors })
}
