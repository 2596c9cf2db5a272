//! The process model, without VMs: each rule of its own.

mod common;

use common::{Answer, FIRST, Harness, numbers};
use ramet_abi::session::{Request, notice, op};
use ramet_keeper::{ClientId, Note, process};

/// The first VM.
const ROOT: ClientId = ClientId(0);
const EPERM: i64 = -1;
const ESRCH: i64 = -3;
const ECHILD: i64 = -10;
const EACCES: i64 = -13;
const EAGAIN: i64 = -11;
const EEXIST: i64 = -17;
const EINVAL: i64 = -22;
const SIGHUP: u32 = 1;
const SIGUSR1: u64 = 10;
const SIGCHLD: u32 = 17;
const SIGCONT: u32 = 18;
const SIGTSTP: u64 = 20;
const NOHANG: u64 = 1;
const STOPPED: u64 = 2;
const EXITED: u64 = 4;
const CONTINUED: u64 = 8;
const NOWAIT: u64 = 0x0100_0000;
const ALL: u64 = 0x4000_0000;
const CLONE: u64 = 0x8000_0000;

fn pid(h: &Harness, vm: ClientId) -> u64 {
    h.vms[&vm].pid as u64
}

fn wait(h: &mut Harness, vm: ClientId, kind: u64, id: u64, options: u64) -> Answer {
    h.ask(vm, numbers(op::WAIT, &[kind, id, options]), &[])
}

fn facts(h: &mut Harness, of: u64) -> Answer {
    h.ask(ROOT, Request { wanted: 4096, ..numbers(op::PROCESS, &[of]) }, &[])
}

fn signals(h: &mut Harness, vm: ClientId) -> Vec<u32> {
    h.notices(vm).iter().filter(|note| note.kind == notice::SIGNAL).map(|note| note.detail).collect()
}

fn with_flags(flags: u32, operation: u32, arguments: &[u64]) -> Request {
    Request { flags, ..numbers(operation, arguments) }
}

#[test]
fn a_child_ends_and_its_parent_is_told() {
    let mut h = Harness::new();
    let child = h.fork(h.first).unwrap();
    let of = pid(&h, child);
    assert_eq!(of, FIRST as u64 + 1);
    assert_eq!(wait(&mut h, child, 0, 0, EXITED).result, ECHILD);
    assert_eq!(wait(&mut h, child, 0, 0, NOHANG).result, EINVAL);
    assert_eq!(wait(&mut h, child, 0, 0, EXITED | 0x10).result, EINVAL);
    assert_eq!(wait(&mut h, ROOT, 0, 0, EXITED).result, 0);
    h.exit(child, 7 << 8);
    let told = h.notices(h.first);
    assert_eq!(told.iter().map(|n| n.kind).collect::<Vec<_>>(), [notice::CHILD, notice::SIGNAL]);
    assert_eq!((told[1].detail, told[1].values), (SIGCHLD, [1, of, 0, 7]));
    assert_eq!(wait(&mut h, ROOT, 0, 0, STOPPED).result, ECHILD, "a zombie will not stop");
    assert_eq!(wait(&mut h, ROOT, 0, 0, EXITED | NOWAIT).result, of as i64);
    let answer = wait(&mut h, ROOT, 0, 0, EXITED);
    assert_eq!(
        (answer.result, answer.values[0], answer.values[1], answer.values[6]),
        (of as i64, 1, 7, 7 << 8)
    );
    assert_eq!(wait(&mut h, ROOT, 0, 0, EXITED).result, ECHILD);
}

#[test]
fn statuses_mean_what_they_say() {
    let mut h = Harness::new();
    let cases = [
        (9, 2, 9),
        (11 | 0x80, 3, 11),
        (0, 1, 0),
        (255 << 8, 1, 255),
        (0x1_0000 | 3 << 8, 1, 3),
        (0x7f, 2, 9),
    ];
    for (status, code, value) in cases {
        let child = h.fork(h.first).unwrap();
        h.exit(child, status);
        let answer = wait(&mut h, ROOT, 0, 0, EXITED);
        assert_eq!(answer.values[..2], [code, value], "{status:#x}");
    }
    let child = h.fork(h.first).unwrap();
    h.lose(child);
    assert_eq!(wait(&mut h, ROOT, 0, 0, EXITED).values[..2], [2, 9]);
}

#[test]
fn usage_is_the_childs_and_that_of_those_it_waited_for() {
    let mut h = Harness::new();
    let child = h.fork(h.first).unwrap();
    let grandchild = h.fork(child).unwrap();
    let ignored = h.fork(child).unwrap();
    for vm in [grandchild, ignored] {
        assert_eq!(h.call(vm, op::EXIT, &[0, 100, 10, 5000]), 0);
    }
    let of = pid(&h, grandchild);
    assert_eq!(wait(&mut h, child, 1, of, EXITED).values[3..6], [100, 10, 5000]);
    assert_eq!(h.call(child, op::EXIT, &[0, 7, 3, 400]), 0);
    assert_eq!(wait(&mut h, ROOT, 0, 0, EXITED).values[3..6], [107, 13, 5000]);
}

#[test]
fn stops_are_told_once() {
    let mut h = Harness::new();
    let child = h.fork(h.first).unwrap();
    let of = pid(&h, child) as i64;
    assert_eq!(h.call(child, op::STOPPED, &[SIGTSTP]), 0);
    assert_eq!(facts(&mut h, of as u64).values[3], u64::from(b'T'));
    let told = h.notices(h.first);
    assert_eq!((told[1].detail, told[1].values), (SIGCHLD, [5, of as u64, 0, SIGTSTP]));
    assert_eq!(wait(&mut h, ROOT, 0, 0, EXITED | CONTINUED).result, 0);
    assert_eq!(wait(&mut h, ROOT, 0, 0, STOPPED | NOWAIT).result, of);
    let answer = wait(&mut h, ROOT, 0, 0, STOPPED);
    assert_eq!((answer.result, answer.values[6]), (of, SIGTSTP << 8 | 0x7f));
    assert_eq!(wait(&mut h, ROOT, 0, 0, STOPPED).result, 0);
    assert_eq!(h.call(child, op::STOPPED, &[0]), 0);
    assert_eq!(h.call(child, op::STOPPED, &[0]), 0);
    let answer = wait(&mut h, ROOT, 0, 0, CONTINUED);
    assert_eq!((answer.result, answer.values[6]), (of, 0xffff));
    assert_eq!(signals(&mut h, ROOT), [SIGCHLD]);
    // SA_NOCLDSTOP: no signal, but wait(2) is told.
    assert_eq!(h.call(h.first, op::OPTION, &[3, 2]), 0);
    assert_eq!(h.call(child, op::STOPPED, &[SIGTSTP]), 0);
    let kinds: Vec<u32> = h.notices(h.first).iter().map(|note| note.kind).collect();
    assert_eq!(kinds, [notice::CHILD]);
}

#[test]
fn children_of_who_ignores_them_vanish() {
    let mut h = Harness::new();
    assert_eq!(h.call(h.first, op::OPTION, &[3, 1]), 0);
    let child = h.fork(h.first).unwrap();
    let of = pid(&h, child);
    h.exit(child, 0);
    assert_eq!(wait(&mut h, ROOT, 0, 0, EXITED).result, ECHILD);
    assert_eq!(facts(&mut h, of).result, ESRCH);
    // The signal comes all the same (SA_NOCLDWAIT); the kernel drops it, if it is ignored.
    assert_eq!(signals(&mut h, ROOT), [SIGCHLD]);
}

#[test]
fn clones_with_other_signals_are_waited_for_apart() {
    let mut h = Harness::new();
    let silent = h.fork_with(h.first, numbers(op::FORK, &[0])).unwrap();
    let of = pid(&h, silent) as i64;
    h.exit(silent, 0);
    assert_eq!(signals(&mut h, ROOT), []);
    assert_eq!(wait(&mut h, ROOT, 0, 0, EXITED).result, ECHILD);
    assert_eq!(wait(&mut h, ROOT, 0, 0, EXITED | CLONE | NOWAIT).result, of);
    assert_eq!(wait(&mut h, ROOT, 0, 0, EXITED | ALL).result, of);
    let other = h.fork_with(h.first, numbers(op::FORK, &[SIGUSR1])).unwrap();
    h.exit(other, 0);
    assert_eq!(signals(&mut h, ROOT), [SIGUSR1 as u32]);
    // exec makes an ordinary child of it.
    let other = h.fork_with(h.first, numbers(op::FORK, &[SIGUSR1])).unwrap();
    assert_eq!(h.ask(other, with_flags(4, op::DESCRIBE, &[0, 0, 0, 1]), &[]).result, 0);
    h.exit(other, 0);
    assert_eq!(signals(&mut h, ROOT), [SIGCHLD]);
    assert_eq!(h.fork_with(h.first, numbers(op::FORK, &[65])), Err(EINVAL));
}

#[test]
fn siblings_and_wanted_pids() {
    let mut h = Harness::new();
    let child = h.fork_with(h.first, numbers(op::FORK, &[17, 2000])).unwrap();
    assert_eq!(pid(&h, child), 2000);
    assert_eq!(h.fork_with(h.first, numbers(op::FORK, &[17, 2000])), Err(EEXIST));
    assert_eq!(h.fork_with(h.first, numbers(op::FORK, &[17, 1])), Err(EEXIST));
    let sibling = h.fork_with(child, with_flags(1, op::FORK, &[0])).unwrap();
    let of = pid(&h, sibling);
    assert_eq!(facts(&mut h, of).values[0], FIRST as u64);
    assert_eq!(h.fork_with(h.first, with_flags(1, op::FORK, &[17])), Err(EINVAL));
    h.exit(sibling, 0);
    assert_eq!(wait(&mut h, ROOT, 1, of, EXITED).result, of as i64);
}

#[test]
fn orphans_go_to_the_subreaper_or_are_forgotten() {
    let mut h = Harness::new();
    let reaper = h.fork(h.first).unwrap();
    assert_eq!(h.call(reaper, op::OPTION, &[1, 1]), 0);
    let middle = h.fork(reaper).unwrap();
    let orphan = h.fork(middle).unwrap();
    let dead = h.fork(middle).unwrap();
    let (dead_pid, orphan_pid, middle_pid) = (pid(&h, dead), pid(&h, orphan), pid(&h, middle));
    assert_eq!(h.call(orphan, op::OPTION, &[2, SIGUSR1]), 0);
    h.exit(dead, 0);
    h.notices(orphan);
    h.exit(middle, 0);
    // The new parent first: a handler of the death signal may ask for it.
    let told = h.notices(orphan);
    let expected = [
        Note { kind: notice::REPARENTED, values: [pid(&h, reaper), 0, 0, 0], ..Note::default() },
        Note {
            kind: notice::SIGNAL,
            detail: SIGUSR1 as u32,
            values: [0, middle_pid, 0, 0],
            ..Note::default()
        },
    ];
    assert_eq!(told, expected);
    assert_eq!(signals(&mut h, reaper), [SIGCHLD, SIGCHLD], "of the middle, and of the zombie it left");
    assert_eq!(wait(&mut h, reaper, 1, dead_pid, EXITED).result, dead_pid as i64);
    h.exit(reaper, 0);
    assert_eq!(h.notices(orphan)[0].values[0], 1);
    assert_eq!(facts(&mut h, orphan_pid).values[0], 1);
    h.exit(orphan, 0);
    assert_eq!(facts(&mut h, orphan_pid).result, ESRCH);
    let left = wait(&mut h, ROOT, 0, 0, EXITED).result;
    assert_eq!((left > 0, wait(&mut h, ROOT, 0, 0, EXITED).result), (true, ECHILD));
}

#[test]
fn kill_by_pid_group_and_everybody() {
    let mut h = Harness::new();
    let one = h.fork(h.first).unwrap();
    let two = h.fork(h.first).unwrap();
    let (one_pid, two_pid) = (pid(&h, one), pid(&h, two));
    assert_eq!(h.call(h.first, op::SETPGID, &[one_pid, 0]), 0);
    // It is told where it has been put.
    let told = h.notices(one);
    assert_eq!(told, [Note { kind: notice::GROUP, values: [one_pid, 0, 0, 0], ..Note::default() }]);
    assert_eq!(h.call(two, op::SETPGID, &[0, one_pid]), 0);
    let code = (-1i32) as u32 as u64;
    assert_eq!(h.call(h.first, op::KILL, &[one_pid, 0, SIGUSR1, code, 99]), 0);
    let told = h.notices(one);
    let values = [u64::MAX, FIRST as u64, 0, 99];
    assert_eq!(told, [Note { kind: notice::SIGNAL, detail: 10, id: 0, values }]);
    assert_eq!(h.call(h.first, op::KILL, &[(one_pid as i64).wrapping_neg() as u64, 0, SIGUSR1]), 0);
    assert_eq!((signals(&mut h, one), signals(&mut h, two)), (vec![10], vec![10]));
    assert_eq!(h.call(one, op::KILL, &[0, 0, SIGUSR1]), 0);
    assert_eq!((signals(&mut h, one), signals(&mut h, two)), (vec![10], vec![10]));
    assert_eq!(h.call(one, op::KILL, &[-1i64 as u64, 0, SIGUSR1]), 0);
    let all = [signals(&mut h, ROOT), signals(&mut h, one), signals(&mut h, two)];
    assert_eq!(all, [vec![10], vec![], vec![10]]);
    // All but the sender.
    let group = (one_pid as i64).wrapping_neg() as u64;
    assert_eq!(h.ask(one, with_flags(2, op::KILL, &[group, 0, SIGUSR1]), &[]).result, 0);
    assert_eq!((signals(&mut h, one), signals(&mut h, two)), (vec![], vec![10]));
    for (target, signal, expected) in [
        (9999, 0, ESRCH),
        (one_pid, 65, EINVAL),
        (one_pid, 0, 0),
        (i32::MIN as u32 as u64, 1, ESRCH),
        ((-9999i64) as u64, 1, ESRCH),
        (1, SIGUSR1, 0),
    ] {
        assert_eq!(h.call(h.first, op::KILL, &[target, 0, signal]), expected, "{target}");
    }
    // What the kernel alone says.
    for forged in [0x80u32, 5, (-6i32) as u32] {
        assert_eq!(h.call(h.first, op::KILL, &[one_pid, 0, SIGUSR1, forged.into()]), EPERM);
    }
    // A zombie heeds nothing, but is there.
    h.exit(two, 0);
    assert_eq!(h.call(h.first, op::KILL, &[two_pid, 0, 9]), 0);
    assert_eq!(h.call(h.first, op::KILL, &[one_pid, 0, 9]), 0);
    assert_eq!(h.bury(), [one_pid as i32]);
}

#[test]
fn signals_between_users() {
    let mut h = Harness::new();
    let [root, user, other] = [0; 3].map(|_| h.fork(h.first).unwrap());
    for (vm, uid) in [(user, 1000), (other, 1001)] {
        assert_eq!(h.ask(vm, with_flags(2, op::DESCRIBE, &[uid, uid, uid]), &[]).result, 0);
    }
    let [root_pid, user_pid, other_pid] = [root, user, other].map(|vm| pid(&h, vm));
    assert_eq!(h.call(user, op::KILL, &[other_pid, 0, SIGUSR1]), EPERM);
    assert_eq!(h.call(user, op::KILL, &[other_pid, 0, 0]), EPERM);
    assert_eq!(h.call(user, op::KILL, &[user_pid, 0, 0]), 0);
    assert_eq!(h.call(root, op::KILL, &[other_pid, 0, SIGUSR1]), 0);
    assert_eq!(h.call(user, op::KILL, &[1, 0, 0]), EPERM);
    // SIGCONT within the session of processes.
    assert_eq!(h.call(user, op::KILL, &[root_pid, 0, SIGCONT.into()]), 0);
    assert_eq!(h.call(root, op::SETSID, &[]), root_pid as i64);
    assert_eq!(h.call(user, op::KILL, &[root_pid, 0, SIGCONT.into()]), EPERM);
    // A group: one success is success. Everybody: being forbidden is, too.
    assert_eq!(h.call(user, op::KILL, &[0, 0, SIGUSR1]), 0);
    assert_eq!(h.call(other, op::KILL, &[-1i64 as u64, 0, SIGUSR1]), 0);
    let values = facts(&mut h, user_pid).values;
    assert_eq!(values[4], 1000 << 32 | 1000);
}

#[test]
fn groups_and_sessions() {
    let mut h = Harness::new();
    let child = h.fork(h.first).unwrap();
    let grandchild = h.fork(child).unwrap();
    let [own, of, below] = [h.first, child, grandchild].map(|vm| pid(&h, vm));
    let first = h.first;
    let mut set = |vm, pid: u64, group: u64| h.call(vm, op::SETPGID, &[pid, group]);
    assert_eq!(set(first, 0, 0), EPERM, "a leader of its session");
    assert_eq!(set(first, below, 0), ESRCH, "not a child");
    assert_eq!(set(first, of, u64::MAX), EINVAL);
    assert_eq!(set(first, of, 4444), EPERM, "no such group");
    assert_eq!(set(first, of, of), 0);
    assert_eq!(set(child, below, of), 0);
    assert_eq!(set(child, below, own), 0);
    assert_eq!(h.ask(child, with_flags(4, op::DESCRIBE, &[0, 0, 0, 1]), &[]).result, 0);
    assert_eq!(h.call(h.first, op::SETPGID, &[of, own]), EACCES);
    assert_eq!(h.call(child, op::SETSID, &[]), EPERM, "it leads its group");
    assert_eq!(h.call(grandchild, op::SETSID, &[]), below as i64);
    assert_eq!(facts(&mut h, below).values[1..3], [below, below]);
    assert_eq!(h.call(child, op::SETPGID, &[below, of]), EPERM, "another session");
    assert_eq!(h.call(h.first, op::SETSID, &[]), EPERM);
}

/// POSIX, _exit: a group that becomes orphaned while a member is stopped gets SIGHUP and SIGCONT.
#[test]
fn orphaned_groups_with_stopped_members_are_hung_up() {
    let mut h = Harness::new();
    let shell = h.fork(h.first).unwrap();
    let job = h.fork(shell).unwrap();
    let [shell_pid, job_pid] = [shell, job].map(|vm| pid(&h, vm));
    assert_eq!(h.call(shell, op::SETPGID, &[0, 0]), 0);
    assert_eq!(h.call(shell, op::SETPGID, &[job_pid, job_pid]), 0);
    assert!(!process::group_is_orphaned(&h.session, job_pid as i32));
    assert_eq!(h.call(job, op::STOPPED, &[SIGTSTP]), 0);
    h.exit(shell, 0);
    assert!(process::group_is_orphaned(&h.session, job_pid as i32));
    assert_eq!(signals(&mut h, job), [SIGHUP, SIGCONT]);
    // By its own end: the last member with a parent outside.
    let leader = h.fork(h.first).unwrap();
    let leader_pid = pid(&h, leader);
    assert_eq!(h.call(leader, op::SETPGID, &[0, 0]), 0);
    let member = h.fork(leader).unwrap();
    assert_eq!(h.call(member, op::STOPPED, &[SIGTSTP]), 0);
    h.exit(leader, 0);
    assert_eq!(signals(&mut h, member), [SIGHUP, SIGCONT]);
    // Nobody is stopped: nothing.
    let leader = h.fork(h.first).unwrap();
    assert_eq!(h.call(leader, op::SETPGID, &[0, 0]), 0);
    let member = h.fork(leader).unwrap();
    h.exit(leader, 0);
    assert_eq!(signals(&mut h, member), []);
    let _ = (shell_pid, leader_pid);
}

#[test]
fn ids_of_threads_are_nobody_elses() {
    let mut h = Harness::new();
    assert_eq!(h.ask(h.first, with_flags(1, op::TIDS, &[FIRST as u64 + 5]), &[]).result, 0);
    let child = h.fork(h.first).unwrap();
    let of = pid(&h, child);
    assert_eq!(of, FIRST as u64 + 6);
    assert_eq!(h.ask(h.first, with_flags(1, op::TIDS, &[9000]), &[]).result, EINVAL, "too late");
    let first = h.call(child, op::TIDS, &[32]) as u64;
    assert_eq!(first, of + 1);
    let next = h.fork(h.first).unwrap();
    assert_eq!(pid(&h, next), first + 32);
    // kill(2) and PROCESS take them for their process; tgkill(2) only with the right one.
    assert_eq!(facts(&mut h, first + 3).result, of as i64);
    let tkill = (-6i32) as u32 as u64;
    assert_eq!(h.call(h.first, op::KILL, &[first + 3, first + 3, SIGUSR1, tkill]), 0);
    assert_eq!(h.call(h.first, op::KILL, &[of, first + 3, SIGUSR1, tkill]), 0);
    assert_eq!(h.call(h.first, op::KILL, &[pid(&h, next), first + 3, SIGUSR1, tkill]), ESRCH);
    let told: Vec<u64> = h.notices(child).iter().map(|note| note.id).collect();
    assert_eq!(told, [first + 3, first + 3]);
    // One of them for a child that began in its parent's VM; nobody else's.
    let wanted = numbers(op::FORK, &[17, first + 8]);
    assert_eq!(h.fork_with(h.first, wanted), Err(EEXIST));
    let failed = h.promise(child, wanted).unwrap();
    h.lose(failed);
    let moved = h.fork_with(child, wanted).unwrap();
    assert_eq!(pid(&h, moved), first + 8);
    assert_eq!(h.fork_with(child, wanted), Err(EEXIST));
    for number in [first, first + 7, first + 9, first + 31] {
        assert_eq!(facts(&mut h, number).result, of as i64);
    }
    // Those that are no longer in use are nobody's.
    let used: Vec<u8> = [first + 2, first + 3, first + 8, 9]
        .iter()
        .flat_map(|number| (*number as u32).to_le_bytes())
        .collect();
    let more = h.ask(child, with_flags(2, op::TIDS, &[32]), &used).result as u64;
    for number in [first + 2, first + 3, more, more + 31] {
        assert_eq!(facts(&mut h, number).result, of as i64);
    }
    for number in [first, first + 1, first + 4, first + 31, 9] {
        assert_eq!(facts(&mut h, number).result, ESRCH);
    }
    assert_eq!(facts(&mut h, first + 8).result, (first + 8) as i64);
    for count in [0, 257, u64::MAX] {
        assert_eq!(h.call(child, op::TIDS, &[count]), EINVAL);
    }
    // Any number of times; but not any number at once.
    for number in 0..1000u32 {
        let used = (first as u32 + 2).to_le_bytes();
        assert!(h.ask(child, with_flags(2, op::TIDS, &[32 + u64::from(number % 7)]), &used).result > 0);
    }
    while h.call(child, op::TIDS, &[256]) != EAGAIN {}
    assert!(h.ask(child, with_flags(2, op::TIDS, &[256]), &[]).result > 0);
    h.exit(child, 0);
    assert_eq!(wait(&mut h, ROOT, 0, 0, EXITED).result, of as i64);
    assert_eq!(facts(&mut h, first + 3).result, ESRCH);
}

#[test]
fn what_processes_tell_of_themselves() {
    let mut h = Harness::new();
    let data = b"a-rather-long-name\0/bin/program\0--option\0";
    assert_eq!(h.ask(h.first, with_flags(1, op::DESCRIBE, &[]), data).result, 0);
    let child = h.fork(h.first).unwrap();
    let of = pid(&h, child);
    let answer = facts(&mut h, of);
    assert_eq!(answer.data, b"a-rather-long-n\0/bin/program\0--option\0");
    assert_eq!(answer.values[..4], [FIRST as u64, FIRST as u64, FIRST as u64, u64::from(b'S')]);
    assert_eq!(answer.values[6], 17);
    assert_eq!(h.ask(h.first, Request { wanted: 5, ..numbers(op::PROCESS, &[of]) }, &[]).data, b"a-rat");
    h.exit(child, 0);
    let answer = facts(&mut h, of);
    assert_eq!((answer.data.as_slice(), answer.values[3]), (&b"a-rather-long-n\0"[..], u64::from(b'Z')));
    assert_eq!(facts(&mut h, 4444).result, ESRCH);
    assert_eq!(h.ask(h.first, with_flags(32, op::DESCRIBE, &[]), data).result, EINVAL);
    // What it does with SIGCHLD has two bits; a signal of its parent's death is one that there is.
    for (flags, arguments) in
        [(8, [0, 0, 0, 0, 4, 0]), (16, [0, 0, 0, 0, 0, 2]), (16, [0, 0, 0, 0, 0, 65 << 8])]
    {
        assert_eq!(h.ask(h.first, with_flags(flags, op::DESCRIBE, &arguments), data).result, EINVAL);
    }
    for option in [[0, 0], [5, 0], [2, 65], [3, 4]] {
        assert_eq!(h.call(h.first, op::OPTION, &option), EINVAL);
    }
}

#[test]
fn pidfds() {
    let mut h = Harness::new();
    let child = h.fork(h.first).unwrap();
    let of = pid(&h, child);
    let pidfd = h.call(h.first, op::PIDFD, &[of]);
    assert!(pidfd > 0, "{pidfd}");
    assert_eq!(h.call(h.first, op::PIDFD, &[4444]), ESRCH);
    assert_eq!(h.call(h.first, op::PIDFD, &[0]), EINVAL);
    assert_eq!(h.ask(h.first, with_flags(1, op::KILL, &[pidfd as u64, 0, SIGUSR1]), &[]).result, 0);
    assert_eq!(signals(&mut h, child), [10]);
    assert_eq!(wait(&mut h, ROOT, 3, pidfd as u64, EXITED).result, 0);
    let watch = Request { id: pidfd as u64, ..numbers(op::WATCH, &[1]) };
    assert_eq!(h.ask(h.first, watch, &[]).result, 0);
    h.notices(h.first);
    h.exit(child, 0);
    assert!(h.notices(h.first).iter().any(|note| note.kind == notice::READY && note.id == pidfd as u64));
    assert_eq!(wait(&mut h, ROOT, 3, pidfd as u64, EXITED).result, of as i64);
    assert_eq!(h.ask(h.first, with_flags(1, op::KILL, &[pidfd as u64, 0, 0]), &[]).result, ESRCH);
    assert_eq!(h.ask(h.first, with_flags(1, op::KILL, &[987_654, 0, 0]), &[]).result, -9);
}

/// A number is given again only when nothing of it is left: no group, no session, no thread.
#[test]
fn pids_are_not_given_twice() {
    let mut h = Harness::with(None, 16);
    let leader = h.fork(h.first).unwrap();
    let leader_pid = pid(&h, leader);
    assert_eq!(h.call(leader, op::SETSID, &[]), leader_pid as i64);
    let member = h.fork(leader).unwrap();
    h.exit(leader, 0);
    assert_eq!(wait(&mut h, ROOT, 0, 0, EXITED).result, leader_pid as i64);
    assert_eq!(h.fork_with(h.first, numbers(op::FORK, &[17, leader_pid])), Err(EEXIST));
    h.exit(member, 0);
    assert!(h.fork_with(h.first, numbers(op::FORK, &[17, leader_pid])).is_ok());
}
