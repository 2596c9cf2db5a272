//! Pseudo-terminals and job control between VMs.

mod common;

use common::{Answer, Harness, numbers};
use ramet_abi::session::{Request, flag, notice, op};
use ramet_keeper::{ClientId, objects};

const O_RDWR: u64 = 2;
const TIOCSPTLCK: u64 = 0x4004_5431;
const TIOCSPGRP: u64 = 0x5410;
const TIOCGPGRP: u64 = 0x540f;
const EAGAIN: i64 = -11;
const ERESTARTSYS: i64 = -512;

fn on(operation: u32, id: u64, arguments: &[u64]) -> Request {
    Request { id, ..numbers(operation, arguments) }
}

fn read(h: &mut Harness, vm: ClientId, id: u64, flags: u32) -> Answer {
    h.ask(vm, Request { wanted: 100, flags, ..on(op::READ, id, &[]) }, b"")
}

fn write(h: &mut Harness, vm: ClientId, id: u64, bytes: &[u8]) -> i64 {
    h.ask(vm, on(op::WRITE, id, &[0, u64::MAX]), bytes).result
}

fn ioctl(h: &mut Harness, vm: ClientId, id: u64, request: u64, data: &[u8]) -> Answer {
    h.ask(vm, on(op::IOCTL, id, &[request, 0x1000]), data)
}

fn signals(h: &mut Harness, vm: ClientId) -> Vec<u32> {
    let notes = h.notices(vm).into_iter();
    notes.filter(|note| note.kind == notice::SIGNAL).map(|note| note.detail).collect()
}

/// A master, and a child that leads a session on the slave.
fn terminal() -> (Harness, u64, ClientId, u64, ClientId) {
    let mut h = Harness::new();
    let first = h.first;
    let master = h.ask(first, numbers(op::PTY, &[]), b"");
    assert_eq!(master.values[1], 0);
    let master = master.values[0];
    let shell = h.fork(first).unwrap();
    assert!(h.call(shell, op::SETSID, &[]) > 0);
    let open = Request { flags: 1, ..numbers(op::PTY, &[0, O_RDWR]) };
    assert_eq!(h.ask(shell, open, b"").result, -5, "locked");
    assert_eq!(ioctl(&mut h, first, master, TIOCSPTLCK, &0i32.to_le_bytes()).result, 0);
    let slave = h.ask(shell, open, b"").result as u64;
    (h, master, shell, slave, first)
}

#[test]
fn bytes_go_through_the_line_discipline() {
    let (mut h, master, shell, slave, first) = terminal();
    assert_eq!(write(&mut h, first, master, b"ls\x7f -l\r"), 7);
    assert_eq!(read(&mut h, first, master, 0).data, b"ls\x08 \x08 -l\r\n");
    assert_eq!(read(&mut h, shell, slave, 0).data, b"l -l\n");
    assert_eq!(read(&mut h, shell, slave, 0).result, EAGAIN);
    assert_eq!(h.ask(shell, on(op::WATCH, slave, &[1]), b"").result & 1, 0);
    write(&mut h, first, master, b"x\r");
    assert!(h.notices(shell).iter().any(|note| note.kind == notice::READY && note.id == slave));
    assert_eq!(write(&mut h, shell, slave, b"out\n"), 4);
    assert_eq!(read(&mut h, first, master, 0).data, b"x\r\nout\r\n");
    let list = h.ask(first, Request { flags: 3, ..numbers(op::PTY, &[]) }, b"");
    assert_eq!((list.result, list.data), (1, 0u32.to_le_bytes().to_vec()));
    let keep = [u64::MAX; 3];
    let stat = h.ask(first, Request { flags: 4, ..numbers(op::PTY, &[0, 0o600, 9, keep[2]]) }, b"").stat;
    assert_eq!((stat.mode, stat.uid, stat.gid, stat.special), (0o20600, 9, 5, 136 << 8));
    assert_eq!(h.ask(shell, on(op::DISPLAY, slave, &[]), b"").data, b"/dev/pts/0");
}

#[test]
fn job_control_reaches_the_foreground_group() {
    let (mut h, master, shell, slave, first) = terminal();
    let pid = |h: &Harness, vm| h.vms[&vm].pid;
    let job = h.fork(shell).unwrap();
    let (shell_pid, job_pid) = (pid(&h, shell), pid(&h, job));
    assert_eq!(h.call(shell, op::SETPGID, &[job_pid as u64, job_pid as u64]), 0);
    assert_eq!(ioctl(&mut h, shell, slave, TIOCGPGRP, b"").data, shell_pid.to_le_bytes());
    // The job is in the background: it is stopped when it reads, unless it leaves the signal alone.
    assert_eq!(read(&mut h, job, slave, 0).result, ERESTARTSYS);
    assert_eq!(signals(&mut h, job), [21]);
    assert_eq!(read(&mut h, job, slave, flag::STEADFAST).result, -5);
    assert!(signals(&mut h, job).is_empty());
    assert_eq!(ioctl(&mut h, shell, slave, TIOCSPGRP, &job_pid.to_le_bytes()).result, 0);
    // The shell's group is orphaned: it is not stopped, but refused.
    assert_eq!(ioctl(&mut h, shell, slave, TIOCSPGRP, &999i32.to_le_bytes()).result, -25);
    let steadfast = Request { flags: flag::STEADFAST, ..on(op::IOCTL, slave, &[TIOCSPGRP, 0]) };
    assert_eq!(h.ask(shell, steadfast, &999i32.to_le_bytes()).result, -3);
    assert_eq!(read(&mut h, job, slave, 0).result, EAGAIN);
    assert_eq!(objects::foreground(&h.session, shell_pid), job_pid);
    write(&mut h, first, master, b"\x03\x1a");
    assert_eq!(signals(&mut h, job), [2, 20]);
    assert!(signals(&mut h, shell).is_empty() && signals(&mut h, first).is_empty());
    // /dev/tty is the same terminal for both, and none for whoever is not of the session.
    let tty = Request { flags: 2, ..numbers(op::PTY, &[0, O_RDWR]) };
    assert!(h.ask(job, tty, b"").result > 0);
    assert_eq!(h.ask(first, tty, b"").result, -6);
    // The shell ends: its job is told, and the terminal is nobody's controlling one, but goes on.
    h.exit(shell, 0);
    assert_eq!(signals(&mut h, job), [1]);
    assert_eq!(write(&mut h, job, slave, b"x"), 1);
    assert_eq!(ioctl(&mut h, job, slave, TIOCGPGRP, b"").result, -25);
    assert_eq!(h.ask(job, tty, b"").result, -6);
}

#[test]
fn the_masters_end_hangs_up() {
    let (mut h, master, shell, slave, first) = terminal();
    // The shell has it as well, as it was forked later.
    let release = Request { flags: 1, ..numbers(op::RELEASE, &[]) };
    assert_eq!(h.ask(shell, release, &master.to_le_bytes()).result, 0);
    h.ask(shell, on(op::WATCH, slave, &[1]), b"");
    h.lose(first);
    let notes = h.notices(shell);
    assert!(notes.iter().any(|note| note.kind == notice::READY && note.id == slave), "{notes:?}");
    assert!(notes.iter().any(|note| note.kind == notice::SIGNAL && note.detail == 1), "{notes:?}");
    assert_eq!(read(&mut h, shell, slave, 0).result, 0);
    assert_eq!(write(&mut h, shell, slave, b"x"), -5);
}

#[test]
fn raw_reads_tell_when_they_give_up() {
    let (mut h, master, shell, slave, first) = terminal();
    let mut termios = ioctl(&mut h, shell, slave, 0x5401, b"").data;
    assert_eq!(termios.len(), 36);
    termios[12] &= !2; // ICANON
    termios[17 + 5] = 3; // VTIME
    termios[17 + 6] = 5; // VMIN
    assert_eq!(ioctl(&mut h, shell, slave, 0x5402, &termios).result, 0);
    write(&mut h, first, master, b"ab");
    let waits = read(&mut h, shell, slave, 0);
    assert_eq!((waits.result, waits.values[0], waits.values[1]), (EAGAIN, 2, 300_000_000));
    assert_eq!(read(&mut h, shell, slave, 4).data, b"ab");
    assert_eq!(read(&mut h, shell, slave, 9).result, -22);
}
