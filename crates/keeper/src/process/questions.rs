//! What one VM wants to know of another: passed on to its kernel, answered when that gets to it.
//!
//! ```text
//!   ASK ──► QUESTION to the other VM ──► ANSWER ──► ANSWERED to the asker ──► TAKE_ANSWER
//!                      └── its end ───────────────────────┘ (ESRCH)
//! ```
//!
//! An asker does not wait for ever, and a VM that has left one of its questions unanswered is asked no more until it answers that one.

use super::{int, result};
use crate::client::ClientId;
use crate::descriptions;
use crate::session::{Note, Session};
use ramet_abi::session::{Reply, Request, notice};
use ramet_kcore::errno::{Errno, Result};
use std::collections::{BTreeMap, BTreeSet};

/// Most questions of one VM at a time.
const QUESTIONS_MAX: usize = 16;
/// `flags` of TAKE_ANSWER.
const GIVE_UP: u32 = 1;

#[derive(Debug)]
struct Answer {
    result: i64,
    given: u64,
    data: Vec<u8>,
}

#[derive(Debug)]
struct Question {
    asker: ClientId,
    target: ClientId,
    answer: Option<Answer>,
}

/// All that are open.
#[derive(Debug, Default)]
pub struct Questions {
    all: BTreeMap<u64, Question>,
    next: u64,
    /// VMs that somebody has given up on.
    silent: BTreeSet<ClientId>,
}

pub(super) fn ask(session: &mut Session, client: ClientId, request: &Request) -> Result<Reply> {
    let [pid, what, values @ ..] = request.arguments;
    let asker = session.client(client)?.pid;
    let uid = session.processes.get(asker)?.ids.effective;
    let target = session.processes.owner(int(pid)).ok_or(Errno::ESRCH)?;
    let target = session.processes.get(target)?.client.ok_or(Errno::ESRCH)?;
    let questions = &mut session.questions;
    let asked = questions.all.values().filter(|question| question.asker == client).count();
    if asked >= QUESTIONS_MAX || questions.silent.contains(&target) {
        return Err(Errno::EAGAIN);
    }
    questions.next += 1;
    let number = questions.next;
    questions.all.insert(number, Question { asker: client, target, answer: None });
    let from = u64::from(asker as u32) | u64::from(uid) << 32;
    let values = [values[0], values[1], values[2], from];
    let note = Note { kind: notice::QUESTION, detail: what as u32, id: number, values };
    if !session.notify(target, note) {
        session.questions.all.remove(&number);
        return Err(Errno::EAGAIN);
    }
    result(number as i64)
}

pub(super) fn answer(
    session: &mut Session,
    client: ClientId,
    request: &Request,
    data: Vec<u8>,
) -> Result<Reply> {
    let [number, outcome, ..] = request.arguments;
    session.questions.silent.remove(&client);
    let asked = session.questions.all.get(&number);
    // Nobody waits for it any more, which is no fault of this one.
    let Some(asker) = asked.filter(|question| question.target == client).map(|question| question.asker)
    else {
        return result(0);
    };
    let mut given = 0;
    if request.id != 0 {
        let file = descriptions::get(session, client, request.id)?;
        given = descriptions::give(session, asker, file)?;
    }
    if let Some(question) = session.questions.all.get_mut(&number) {
        question.answer = Some(Answer { result: outcome as i64, given, data });
    }
    announce(session, asker, number);
    result(0)
}

fn announce(session: &mut Session, asker: ClientId, number: u64) {
    session.notify(asker, Note { kind: notice::ANSWERED, id: number, ..Note::default() });
}

pub(super) fn take(
    session: &mut Session,
    client: ClientId,
    request: &Request,
    data: &mut Vec<u8>,
) -> Result<Reply> {
    data.clear();
    let number = request.arguments[0];
    let questions = &mut session.questions;
    let question = questions.all.get_mut(&number).filter(|question| question.asker == client);
    let question = question.ok_or(Errno::ESRCH)?;
    let Some(answer) = question.answer.take() else {
        let target = question.target;
        if request.flags & GIVE_UP != 0 {
            questions.all.remove(&number);
            questions.silent.insert(target);
        }
        return Err(Errno::EAGAIN);
    };
    questions.all.remove(&number);
    *data = answer.data;
    data.truncate(request.wanted as usize);
    let mut reply = Reply { result: answer.result, ..Reply::default() };
    reply.values[0] = answer.given;
    Ok(reply)
}

/// A VM asks and answers no more.
pub(super) fn client_gone(session: &mut Session, client: ClientId) {
    session.questions.silent.remove(&client);
    session.questions.all.retain(|_, question| question.asker != client);
    let mut lost = Vec::new();
    session.questions.all.retain(|number, question| {
        let is_lost = question.target == client && question.answer.is_none();
        if is_lost {
            lost.push((*number, question.asker));
        }
        !is_lost
    });
    for (number, asker) in lost {
        announce(session, asker, number);
    }
}
