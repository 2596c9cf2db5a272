//! msgget(2), msgsnd(2), msgrcv(2), msgctl(2).

use super::{Caller, IPC_NOWAIT, IPC_RMID, IPC_SET, IPC_STAT, READ, Table, WRITE, Waiters, now};
use crate::session::Session;
use ramet_abi::session::{Reply, Request};
use ramet_kcore::errno::{Errno, Result};
use std::collections::VecDeque;

const MSG_NOERROR: u32 = 0o10000;
const MSG_EXCEPT: u32 = 0o20000;
const MSG_COPY: u32 = 0o40000;
/// Longest message (MSGMAX), bytes of a queue (MSGMNB).
const MESSAGE_MAX: usize = 8192;
const QUEUE_MAX: u64 = 16384;

struct Message {
    kind: i64,
    bytes: Vec<u8>,
}

/// A queue.
pub struct Queue {
    messages: VecDeque<Message>,
    bytes: u64,
    most: u64,
    times: [u64; 3],
    pids: [i32; 2],
    waiters: Waiters,
}

/// All queues.
#[derive(Default)]
pub struct State {
    table: Table<Queue>,
}

impl Queue {
    /// Messages, and bytes of them.
    pub fn size(&self) -> (u64, u64) {
        (self.messages.len() as u64, self.bytes)
    }
}

impl State {
    pub fn table(&self) -> &Table<Queue> {
        &self.table
    }
}

pub fn get(session: &mut Session, caller: &Caller, request: &Request) -> Result<Reply> {
    let [key, flags, ..] = request.arguments;
    let make = || {
        Ok(Queue {
            messages: VecDeque::new(),
            bytes: 0,
            most: QUEUE_MAX,
            times: [0, 0, now()],
            pids: [0; 2],
            waiters: Waiters::default(),
        })
    };
    let table = &mut session.objects.sysv.msg.table;
    let id = table.find(caller, key as i32, flags as u32, |_| Ok(()), make)?;
    Ok(Reply { result: id as i64, ..Reply::default() })
}

/// The data: type (8 bytes), then the text.
pub fn send(session: &mut Session, caller: &Caller, request: &Request, mut input: Vec<u8>) -> Result<Reply> {
    let [id, flags, ..] = request.arguments;
    let outbox = session.outbox.clone();
    let kind = input.first_chunk::<8>().map(|kind| i64::from_le_bytes(*kind)).ok_or(Errno::EFAULT)?;
    if kind < 1 || input.len() - 8 > MESSAGE_MAX {
        return Err(Errno::EINVAL);
    }
    let bytes = input.split_off(8);
    let (_, queue) = session.objects.sysv.msg.table.get(id, caller, WRITE)?;
    let room = queue.bytes + bytes.len() as u64 <= queue.most && (queue.messages.len() as u64) < queue.most;
    if !room {
        let nowait = flags as u32 & IPC_NOWAIT != 0;
        return Err(if nowait { super::FINAL } else { queue.waiters.register(caller) });
    }
    queue.bytes += bytes.len() as u64;
    queue.messages.push_back(Message { kind, bytes });
    queue.times[0] = now();
    queue.pids[0] = caller.pid;
    queue.waiters.tell(&outbox);
    Ok(Reply::default())
}

/// Answers the type and the text.
pub fn receive(
    session: &mut Session,
    caller: &Caller,
    request: &Request,
    data: &mut Vec<u8>,
) -> Result<Reply> {
    let [id, size, kind, flags, ..] = request.arguments;
    let (kind, flags) = (kind as i64, flags as u32);
    let outbox = session.outbox.clone();
    if size > i64::MAX as u64 || flags & MSG_COPY != 0 {
        return Err(if flags & MSG_COPY != 0 { Errno::ENOSYS } else { Errno::EINVAL });
    }
    let (_, queue) = session.objects.sysv.msg.table.get(id, caller, READ)?;
    let messages = || queue.messages.iter().enumerate();
    let found = match kind {
        0 => messages().next(),
        1.. if flags & MSG_EXCEPT != 0 => messages().find(|(_, message)| message.kind != kind),
        1.. => messages().find(|(_, message)| message.kind == kind),
        _ => {
            let most = kind.checked_neg().unwrap_or(i64::MAX);
            messages().filter(|(_, message)| message.kind <= most).min_by_key(|(_, message)| message.kind)
        }
    };
    let Some((index, message)) = found else {
        let nowait = flags & IPC_NOWAIT != 0;
        return Err(if nowait { Errno::ENOMSG } else { queue.waiters.register(caller) });
    };
    if message.bytes.len() as u64 > size && flags & MSG_NOERROR == 0 {
        return Err(Errno::E2BIG);
    }
    let message = queue.messages.remove(index).ok_or(Errno::EIO)?;
    queue.bytes -= message.bytes.len() as u64;
    queue.times[1] = now();
    queue.pids[1] = caller.pid;
    queue.waiters.tell(&outbox);
    let length = message.bytes.len().min(size as usize);
    data.extend_from_slice(&message.kind.to_le_bytes());
    data.extend_from_slice(&message.bytes[..length]);
    Ok(Reply { result: length as i64, ..Reply::default() })
}

pub fn control(
    session: &mut Session,
    caller: &Caller,
    request: &Request,
    input: &[u8],
    data: &mut Vec<u8>,
) -> Result<Reply> {
    let [id, command, ..] = request.arguments;
    let outbox = session.outbox.clone();
    let table = &mut session.objects.sysv.msg.table;
    match command as u32 {
        IPC_STAT => {
            let (permissions, queue) = table.get(id, caller, READ)?;
            permissions.encode(data);
            let [sent, received, changed] = queue.times;
            let words = [sent, received, changed, queue.bytes, queue.messages.len() as u64, queue.most];
            data.extend(words.iter().flat_map(|word| word.to_le_bytes()));
            data.extend(queue.pids.iter().flat_map(|pid| pid.to_le_bytes()));
            data.resize(120, 0);
        }
        IPC_SET => {
            let (permissions, queue) = table.get(id, caller, 0)?;
            permissions.check_owner(caller)?;
            let most = input.get(88..96).and_then(|bytes| bytes.first_chunk::<8>()).ok_or(Errno::EFAULT)?;
            let most = u64::from_le_bytes(*most);
            if most > QUEUE_MAX && caller.uid != 0 || most > 1 << 24 {
                return Err(Errno::EPERM);
            }
            permissions.set(input)?;
            queue.most = most;
            queue.times[2] = now();
            queue.waiters.tell(&outbox);
        }
        IPC_RMID => {
            let (permissions, queue) = table.get(id, caller, 0)?;
            permissions.check_owner(caller)?;
            queue.waiters.tell(&outbox);
            table.remove(id);
        }
        _ => return Err(Errno::EINVAL),
    }
    Ok(Reply::default())
}
