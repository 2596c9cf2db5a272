//! Processes that were added from outside: who may make them, their place in the tree, their streams.

mod common;

use common::{Harness, numbers};
use ramet_abi::session::{Request, op};
use ramet_keeper::execs::Promise;
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;

const ADDED: u32 = 2;
const EINVAL: i64 = -22;

fn null() -> OwnedFd {
    File::options().read(true).write(true).open("/dev/null").unwrap().into()
}

fn promise(harness: &mut Harness, terminal: Option<(u16, u16)>) -> File {
    let (reader, writer) = std::io::pipe().unwrap();
    harness.session.execs.promise(Promise {
        terminal,
        streams: [null(), null(), null()],
        status: writer.into(),
    });
    OwnedFd::from(reader).into()
}

fn added() -> Request {
    Request { flags: ADDED, ..numbers(op::FORK, &[libc::SIGCHLD as u64]) }
}

#[test]
fn only_what_was_promised_is_added_and_once() {
    let mut harness = Harness::new();
    let first = harness.first;
    assert_eq!(harness.fork_with(first, added()).unwrap_err(), EINVAL);
    let _status = promise(&mut harness, None);
    let process = harness.fork_with(first, added()).unwrap();
    assert_eq!(harness.fork_with(first, added()).unwrap_err(), EINVAL);
    // Not the first process's child: nobody's.
    let pid = harness.vms[&process].pid;
    let facts = harness.ask(first, numbers(op::PROCESS, &[pid as u64]), &[]);
    assert_eq!(facts.values[..3], [0, pid as u64, pid as u64]);
    assert_eq!(harness.call(first, op::WAIT, &[0, 0, 4]), -10);
}

#[test]
fn a_refused_fork_takes_the_promise_with_it() {
    let mut harness = Harness::with(None, 1);
    let first = harness.first;
    let mut status = promise(&mut harness, None);
    assert_eq!(harness.fork_with(first, added()).unwrap_err(), -11);
    // Nobody has the other end any more.
    assert_eq!(status.read(&mut [0]).unwrap(), 0);
}

#[test]
fn streams_are_given_once_to_the_process_itself() {
    let mut harness = Harness::new();
    let first = harness.first;
    let _status = promise(&mut harness, None);
    let process = harness.fork_with(first, added()).unwrap();
    assert_eq!(harness.call(first, op::ATTACH, &[]), EINVAL);
    let given = harness.ask(process, numbers(op::ATTACH, &[]), &[]);
    assert_eq!((given.result, given.values[3]), (0, 0));
    let [input, output, error, ..] = given.values;
    assert!(input != 0 && output != 0 && error != 0);
    assert_eq!(harness.call(process, op::ATTACH, &[]), EINVAL);
    let write = Request { id: output, ..numbers(op::WRITE, &[0, u64::MAX]) };
    assert_eq!(harness.ask(process, write, b"text").result, 4);
    // The descriptions are this process's.
    assert_eq!(harness.ask(first, write, b"text").result, -9);
}

#[test]
fn a_terminal_is_the_controlling_one() {
    let mut harness = Harness::new();
    let first = harness.first;
    let _status = promise(&mut harness, Some((33, 44)));
    let process = harness.fork_with(first, added()).unwrap();
    let pid = harness.vms[&process].pid;
    let given = harness.ask(process, numbers(op::ATTACH, &[]), &[]);
    assert_eq!((given.result, given.values[3]), (0, 1));
    let facts = harness.ask(first, numbers(op::PROCESS, &[pid as u64]), &[]);
    assert_eq!(facts.values[7] as i64, i64::from(pid));
    const TIOCGWINSZ: u64 = 0x5413;
    let size = Request { id: given.values[0], wanted: 8, ..numbers(op::IOCTL, &[TIOCGWINSZ, 0]) };
    assert_eq!(harness.ask(process, size, &[0; 8]).data[..4], [33, 0, 44, 0]);
}
