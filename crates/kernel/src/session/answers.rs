//! What this VM tells other processes of the session about its own. Whether they may know is for the asker's kernel to say, which knows its
//! program; the answers of a process are nobody else's secrets.

use super::call;
use super::questions::What;
use super::transport::News;
use crate::fs::proc::Facts;
use crate::syscalls::limits;
use crate::task::process::{self, Limit, Process};
use alloc::rc::Rc;
use alloc::vec::Vec;
use ramet_abi::session::{DATA_MAX, Request, op};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::fs::open_file::OpenFile;
use ramet_kcore::proc::Source;
use ramet_kcore::proc::source::{Place, Strings};
use ramet_kcore::proc::wire::{OwnedMapping, Portrait, Wire, put_list};

/// Bytes that an answer has room for, beside what is always there.
const ROOM: usize = DATA_MAX as usize - 4096;
/// Threads that an answer has room for.
const THREADS_MAX: usize = 4096;

/// What is said.
#[derive(Default)]
struct Answer {
    result: i64,
    data: Vec<u8>,
    /// A description that the asker is to hold.
    given: u64,
    /// What it stands for, if that is not what it is.
    stand_in: Option<Rc<OpenFile>>,
}

/// Answers a question.
pub fn answer(news: &News) {
    let answer = What::from_number(news.detail).ok_or(Errno::ENOSYS).and_then(|what| find(what, news));
    let answer =
        answer.unwrap_or_else(|error| Answer { result: error.to_return_value(), ..Answer::default() });
    let request = Request {
        operation: op::ANSWER,
        id: answer.given,
        arguments: [news.id, answer.result as u64, 0, 0, 0, 0],
        ..Request::default()
    };
    // Whoever asked does without if this fails.
    let _ = call(&request, &answer.data);
    if let (Some(file), Some(client)) = (answer.stand_in, super::client()) {
        let _ = client.sent(&[file], &[answer.given]);
    }
}

fn said(data: Vec<u8>) -> Result<Answer> {
    Ok(Answer { data, ..Answer::default() })
}

fn find(what: What, news: &News) -> Result<Answer> {
    let process = process::first().ok_or(Errno::ESRCH)?;
    let pid = process.pid.get() as u32;
    let (facts, mut data) = (Facts::default(), Vec::new());
    let [first, second, third, _] = news.values;
    match what {
        What::Portrait => portrait(&facts, pid)?.put(&mut data),
        What::Strings => {
            let which = match first {
                0 => Strings::Arguments,
                1 => Strings::Environment,
                2 => Strings::Auxiliary,
                _ => return Err(Errno::EINVAL),
            };
            data = facts.strings(pid, which);
            data.truncate(ROOM);
        }
        What::Mappings => {
            let mut all = Vec::new();
            let mut room = ROOM;
            facts.mappings(pid, &mut |mapping| {
                let owned = OwnedMapping::of(mapping);
                if let Some(left) = room.checked_sub(owned.size()) {
                    room = left;
                    all.push(owned);
                }
            });
            put_list(&all, &mut data);
        }
        What::Place => {
            let which = match first {
                0 => Place::Executable,
                1 => Place::Current,
                2 => Place::Root,
                _ => return Err(Errno::EINVAL),
            };
            let path = facts.place(pid, which).ok_or(Errno::ENOENT)?;
            data = path.display(&crate::fs::root_of_everything());
        }
        What::Descriptors => put_list(&descriptors(&process), &mut data),
        What::Descriptor => {
            let (file, closes) = facts.descriptor(pid, first as u32).ok_or(Errno::ENOENT)?;
            file.flags().put(&mut data);
            closes.put(&mut data);
            file.offset().put(&mut data);
            file.display(&crate::fs::root_of_everything()).put(&mut data);
            // What this VM has for itself is shown, and not given away for a look.
            let given = file.remote().map_or(0, |remote| remote.id);
            return Ok(Answer { data, given, ..Answer::default() });
        }
        What::Give => {
            let file = process.files.try_borrow().map_err(|_| Errno::EAGAIN)?.get(first as i32)?.clone();
            let given = super::client().ok_or(Errno::ESRCH)?.number_of(&file)?;
            return Ok(Answer {
                given,
                stand_in: file.remote().is_none().then_some(file),
                ..Answer::default()
            });
        }
        What::Limit => {
            const CHANGE: u64 = 1 << 32;
            const RAISE: u64 = 1 << 33;
            let old = limits::get(&process, first as u32)?;
            if first & CHANGE != 0 {
                let new = Limit { soft: second, hard: third };
                limits::set(&process, first as u32, new, first & RAISE != 0)?;
            }
            (old.soft, old.hard).put(&mut data);
        }
        What::CpuTime => data.extend_from_slice(&process.cpu_time().to_le_bytes()),
        What::Scheduling => put_list(&crate::task::targets::own(&process, first as i32), &mut data),
        What::Schedule => crate::task::targets::change_own(&process, first as i32, second, third as i32)?,
    }
    said(data)
}

fn portrait(facts: &Facts, pid: u32) -> Result<Portrait> {
    let process = facts.process(pid).ok_or(Errno::ESRCH)?;
    let threads = facts
        .threads(pid)
        .into_iter()
        .take(THREADS_MAX)
        .filter_map(|tid| Some((tid, facts.thread(pid, tid)?)));
    Ok(Portrait { process, memory: facts.memory_use(pid), threads: threads.collect() })
}

fn descriptors(process: &Rc<Process>) -> Vec<u32> {
    let Ok(files) = process.files.try_borrow() else { return Vec::new() };
    files.descriptors(0).map(|(fd, _)| fd as u32).collect()
}
