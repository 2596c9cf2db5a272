//! What VMs ask one another, and what the keeper knows of processes for others' sake.

mod common;

use common::{Answer, Harness, numbers};
use ramet_abi::session::{Request, notice, op};
use ramet_keeper::{ClientId, Note};

const EAGAIN: i64 = -11;
const EBADF: i64 = -9;
const ESRCH: i64 = -3;
const ECHILD: i64 = -10;
const EXITED: u64 = 4;
const ALL: u64 = 0x4000_0000;
const GIVE_UP: u32 = 1;

fn pid(h: &Harness, vm: ClientId) -> u64 {
    h.vms[&vm].pid as u64
}

fn ask(h: &mut Harness, asker: ClientId, of: ClientId) -> i64 {
    let target = pid(h, of);
    h.call(asker, op::ASK, &[target, 5, 10, 20, 30])
}

fn question(h: &mut Harness, vm: ClientId) -> Note {
    h.notices(vm).into_iter().find(|note| note.kind == notice::QUESTION).unwrap()
}

fn answer(h: &mut Harness, vm: ClientId, number: u64, result: i64, id: u64, data: &[u8]) -> i64 {
    let request = Request { id, ..numbers(op::ANSWER, &[number, result as u64]) };
    h.ask(vm, request, data).result
}

fn take(h: &mut Harness, vm: ClientId, number: i64, flags: u32) -> Answer {
    h.ask(vm, Request { flags, wanted: 4096, ..numbers(op::TAKE_ANSWER, &[number as u64]) }, &[])
}

fn is_answered(h: &mut Harness, vm: ClientId, number: i64) -> bool {
    h.notices(vm).iter().any(|note| (note.kind, note.id) == (notice::ANSWERED, number as u64))
}

#[test]
fn a_question_is_passed_on_and_its_answer_comes_back() {
    let mut h = Harness::new();
    let (first, child) = (h.first, h.fork(h.first).unwrap());
    let number = ask(&mut h, first, child);
    assert!(number > 0);
    let asked = question(&mut h, child);
    assert_eq!((asked.id as i64, asked.detail), (number, 5));
    assert_eq!(asked.values, [10, 20, 30, pid(&h, first)]);
    assert_eq!(take(&mut h, first, number, 0).result, EAGAIN);
    assert_eq!(answer(&mut h, child, asked.id, 7, 0, b"so it is"), 0);
    assert!(is_answered(&mut h, first, number));
    assert_eq!(take(&mut h, child, number, 0).result, ESRCH, "it is not the other's");
    let got = take(&mut h, first, number, 0);
    assert_eq!((got.result, &got.data[..], got.values[0]), (7, &b"so it is"[..], 0));
    assert_eq!(take(&mut h, first, number, 0).result, ESRCH);
}

#[test]
fn only_who_was_asked_answers_and_only_with_what_it_has() {
    let mut h = Harness::new();
    let (first, child) = (h.first, h.fork(h.first).unwrap());
    let other = h.fork(h.first).unwrap();
    let number = ask(&mut h, first, child);
    assert_eq!(answer(&mut h, other, number as u64, 1, 0, b""), 0);
    assert_eq!(take(&mut h, first, number, 0).result, EAGAIN);
    assert_eq!(answer(&mut h, child, number as u64, 1, 12345, b""), EBADF);
    assert_eq!(take(&mut h, first, number, 0).result, EAGAIN);
    let counter = h.call(child, op::EVENTFD, &[3]);
    assert_eq!(answer(&mut h, child, number as u64, 0, counter as u64, b""), 0);
    let given = take(&mut h, first, number, 0).values[0];
    assert_eq!(given as i64, counter);
    let request = Request { id: given, wanted: 8, ..numbers(op::READ, &[]) };
    assert_eq!(h.ask(first, request, &[]).data, 3u64.to_le_bytes());
}

#[test]
fn the_silent_and_the_dead_keep_nobody_waiting() {
    let mut h = Harness::new();
    let (first, child) = (h.first, h.fork(h.first).unwrap());
    let of = pid(&h, child);
    let number = ask(&mut h, first, child);
    assert_eq!(take(&mut h, first, number, GIVE_UP).result, EAGAIN);
    assert_eq!(take(&mut h, first, number, 0).result, ESRCH);
    assert_eq!(ask(&mut h, first, child), EAGAIN, "it owes an answer");
    assert_eq!(answer(&mut h, child, number as u64, 0, 0, b"late"), 0);
    let number = ask(&mut h, first, child);
    assert!(number > 0);
    h.exit(child, 0);
    assert!(is_answered(&mut h, first, number));
    assert_eq!(take(&mut h, first, number, 0).result, ESRCH);
    assert_eq!(h.call(first, op::ASK, &[of, 1]), ESRCH, "a zombie knows nothing");
    let other = h.fork(first).unwrap();
    let asked = (0..100).map(|_| ask(&mut h, first, other)).take_while(|number| *number > 0).count();
    assert_eq!(asked, 16);
}

#[test]
fn a_wait_for_one_threads_children_sees_no_others() {
    let mut h = Harness::new();
    let children = [h.fork(h.first).unwrap(), h.fork(h.first).unwrap()];
    let pids = children.map(|child| pid(&h, child));
    children.iter().for_each(|child| h.exit(*child, 0));
    let named = (pids[1] as u32).to_le_bytes();
    let mut wait = |flags: u32, named: &[u8]| {
        h.ask(ClientId(0), Request { flags, ..numbers(op::WAIT, &[0, 0, EXITED | ALL]) }, named).result
    };
    assert_eq!(wait(1, &[]), ECHILD);
    assert_eq!(wait(1, &named), pids[1] as i64);
    assert_eq!(wait(2, &(pids[0] as u32).to_le_bytes()), ECHILD);
    assert_eq!(wait(2, &named), pids[0] as i64);
}

#[test]
fn the_end_of_its_maker_is_told_to_a_child_that_wants_to_know() {
    let mut h = Harness::new();
    let child = h.fork(h.first).unwrap();
    let of = pid(&h, child);
    let grandchild = h.fork(child).unwrap();
    let signals = |h: &mut Harness| {
        h.notices(child)
            .iter()
            .filter(|note| note.kind == notice::SIGNAL)
            .map(|note| note.detail)
            .collect::<Vec<_>>()
    };
    assert_eq!(h.call(h.first, op::OPTION, &[4, of]), 0);
    assert!(signals(&mut h).is_empty());
    assert_eq!(h.call(child, op::OPTION, &[2, 15]), 0);
    assert_eq!(h.call(h.first, op::OPTION, &[4, of]), 0);
    assert_eq!(signals(&mut h), [15]);
    let of = pid(&h, grandchild);
    assert_eq!(h.call(h.first, op::OPTION, &[4, of]), ESRCH, "not its child");
}

#[test]
fn a_user_has_so_many_processes() {
    const IDS: u32 = 2;
    const OWN_USER: u32 = 1;
    let mut h = Harness::new();
    let child = h.fork(h.first).unwrap();
    let describe = Request { flags: IDS, ..numbers(op::DESCRIBE, &[5, 5, 5]) };
    assert_eq!(h.ask(child, describe, &[]).result, 0);
    assert_eq!(h.call(child, op::FORK, &[17, 0, 1]), EAGAIN);
    assert_eq!(h.call(child, op::FORK, &[17, 0, 3, 2]), EAGAIN);
    assert!(h.call(child, op::FORK, &[17, 0, 2]) > 0);
    let count =
        |h: &mut Harness, flags| h.ask(child, Request { flags, wanted: 64, ..numbers(op::PIDS, &[]) }, &[]);
    assert_eq!(count(&mut h, OWN_USER).result, 2);
    assert_eq!(count(&mut h, 0).result, 3);
}

#[test]
fn a_kill_by_a_threads_number_is_for_whom_its_vm_finds() {
    let mut h = Harness::new();
    let child = h.fork(h.first).unwrap();
    let number = h.call(child, op::TIDS, &[4]) as u64;
    assert_eq!(h.call(h.first, op::KILL, &[number + 1, 0, 9]), 0);
    assert!(h.bury().is_empty(), "the process itself is not meant");
    let told: Vec<Note> = h.notices(child).into_iter().filter(|note| note.kind == notice::SIGNAL).collect();
    assert_eq!((told.len(), told[0].detail, told[0].id), (1, 9, 1 << 32 | (number + 1)));
}

#[test]
fn a_signal_for_a_group_is_for_all_of_it_in_each_vm() {
    let mut h = Harness::new();
    let child = h.fork(h.first).unwrap();
    let group = pid(&h, child);
    assert_eq!(h.call(child, op::SETPGID, &[0, 0]), 0);
    assert_eq!(h.call(h.first, op::KILL, &[-(group as i64) as u64, 0, 10]), 0);
    let told: Vec<Note> = h.notices(child).into_iter().filter(|note| note.kind == notice::SIGNAL).collect();
    assert_eq!((told.len(), told[0].id), (1, 1 << 32 | u64::from(-(group as i32) as u32)));
}
