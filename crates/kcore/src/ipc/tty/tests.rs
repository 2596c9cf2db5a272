//! What the line discipline and pseudo-terminals are expected to do was taken from Linux 6.18.

use super::termios::{Termios, cc, iflag, lflag, oflag};
use super::*;
use crate::file::File;
use crate::ipc::object::Origin;
use crate::ipc::stream::tests::Fake;
use crate::stat::S_IFCHR;
use crate::user::{NoMemory, SliceSink, SliceSource, UserMemory};
use alloc::vec;

#[derive(Default)]
pub(super) struct Host {
    caller: Cell<Caller>,
    controlling: RefCell<Option<Rc<Tty>>>,
    /// Sent: (group, signal), or minus the session of a leader.
    sent: RefCell<Vec<(i32, u32)>>,
    lost: RefCell<Vec<i32>>,
    background: Cell<Option<Errno>>,
}

impl TtyHost for Host {
    fn caller(&self) -> Caller {
        self.caller.get()
    }
    fn controlling(&self) -> Option<Rc<Tty>> {
        self.controlling.borrow().clone()
    }
    fn origin(&self) -> Origin {
        Origin::default()
    }
    fn set_controlling(&self, tty: Option<&Rc<Tty>>) {
        *self.controlling.borrow_mut() = tty.cloned();
    }
    fn session_loses_terminal(&self, session: i32) {
        self.lost.borrow_mut().push(session);
    }
    fn session_of_group(&self, group: i32) -> Option<i32> {
        (group < 100).then_some(group / 10 * 10)
    }
    fn signal_group(&self, group: i32, signal: u32) {
        self.sent.borrow_mut().push((group, signal));
    }
    fn signal_leader(&self, session: i32, signal: u32) {
        self.sent.borrow_mut().push((-session, signal));
    }
    fn background(&self, _: u32) -> Result<()> {
        self.background.get().map_or(Ok(()), Err)
    }
}

struct Pair {
    host: Rc<Host>,
    ptys: Rc<Ptys>,
    master: Rc<PtyMaster>,
    slave: Rc<TtyFile>,
}

fn pair() -> Pair {
    let host = Rc::new(Host::default());
    let ptys = Ptys::new(host.clone(), 9);
    let master = ptys.open_master().unwrap();
    int_ioctl(&*master, 0x4004_5431, 0).unwrap();
    let slave = master.open_peer(flags::O_RDWR | flags::O_NOCTTY).unwrap();
    Pair { host, ptys, master, slave }
}

fn read(file: &dyn File, count: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; count];
    let n = file.read(0, &mut SliceSink::new(&mut bytes), flags::O_NONBLOCK)?;
    bytes.truncate(n);
    Ok(bytes)
}

fn write(file: &dyn File, bytes: &[u8]) -> Result<usize> {
    file.write(0, &mut SliceSource(bytes), 0)
}

struct Memory(RefCell<Vec<u8>>);
impl UserMemory for Memory {
    fn read(&self, _: usize, to: &mut [u8]) -> Result<()> {
        to.copy_from_slice(&self.0.borrow()[..to.len()]);
        Ok(())
    }
    fn write(&self, _: usize, from: &[u8]) -> Result<()> {
        *self.0.borrow_mut() = from.to_vec();
        Ok(())
    }
}

fn ioctl(file: &dyn File, request: u32, bytes: &[u8]) -> Result<Vec<u8>> {
    let memory = Memory(RefCell::new(bytes.to_vec()));
    file.ioctl(request, 1, &memory)?;
    Ok(memory.0.take())
}

fn int_ioctl(file: &dyn File, request: u32, value: i32) -> Result<i32> {
    let bytes = ioctl(file, request, &value.to_le_bytes())?;
    Ok(i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

impl Pair {
    fn line(&self, typed: &[u8]) -> (Vec<u8>, Vec<u8>) {
        write(&*self.master, typed).unwrap();
        (read(&*self.master, 1000).unwrap_or_default(), read(&*self.slave, 1000).unwrap_or_default())
    }
    fn set(&self, change: impl Fn(&mut Termios)) {
        let mut termios = *self.slave.tty().ldisc.borrow().termios();
        change(&mut termios);
        ioctl(&*self.slave, 0x5402, &termios.encode()[..36]).unwrap();
    }
    fn check(&self, cases: &[(&[u8], &[u8], &[u8])]) {
        for (typed, shown, got) in cases {
            let (screen, input) = self.line(typed);
            let text = |bytes: &[u8]| alloc::string::String::from_utf8_lossy(bytes).into_owned();
            assert_eq!((text(&screen), text(&input)), (text(shown), text(got)), "typed {:?}", text(typed));
        }
    }
}

#[test]
fn edits_lines_as_linux_does() {
    let p = pair();
    p.check(&[
        (b"ab\x7fc\n", b"ab\x08 \x08c\r\n", b"ac\n"),
        (
            b"foo bar  \x17baz\n",
            b"foo bar  \x08 \x08\x08 \x08\x08 \x08\x08 \x08\x08 \x08baz\r\n",
            b"foo baz\n",
        ),
        (b"abc\x15def\n", b"abc\x08 \x08\x08 \x08\x08 \x08def\r\n", b"def\n"),
        (b"a\tb\x7f\x7f\x7fz\n", b"a\tb\x08 \x08\x08\x08\x08\x08\x08\x08\x08\x08 \x08z\r\n", b"z\n"),
        (b"\x01\x7f\x02\n", b"^A\x08 \x08\x08 \x08^B\r\n", b"\x02\n"),
        (b"h\xc3\xa9\x7fx\n", b"h\xc3\xa9\x08 \x08x\r\n", b"h\xc3x\n"),
        (b"a\x16\x7fb\n", b"a^\x08^?b\r\n", b"a\x7fb\n"),
        (b"ab\x12c\n", b"ab^R\r\nabc\r\n", b"abc\n"),
        (b"a\r", b"a\r\n", b"a\n"),
        (
            b"ab\tcd\x15e\n",
            b"ab\tcd\x08 \x08\x08 \x08\x08\x08\x08\x08\x08\x08\x08 \x08\x08 \x08e\r\n",
            b"e\n",
        ),
        (b"\x7f\x17\x15\n", b"\r\n", b"\n"),
    ]);
    p.set(|t| t.iflag |= iflag::IUTF8);
    p.check(&[
        (
            "h\u{e9}\u{20ac}\x7f\x7fx\n".as_bytes(),
            "h\u{e9}\u{20ac}\x08 \x08\x08 \x08x\r\n".as_bytes(),
            b"hx\n",
        ),
        (
            "\u{e9}\u{e9} \u{20ac}\x17x\n".as_bytes(),
            "\u{e9}\u{e9} \u{20ac}\x08 \x08x\r\n".as_bytes(),
            "\u{e9}\u{e9} x\n".as_bytes(),
        ),
    ]);
    p.set(|t| t.lflag &= !lflag::ECHOE);
    p.check(&[(b"ab\x7fc\n", b"ab^?c\r\n", b"ac\n"), (b"ab\x15c\n", b"ab^U\r\nc\r\n", b"c\n")]);
    p.set(|t| t.lflag |= lflag::ECHOE | lflag::ECHOPRT);
    p.check(&[(b"abc\x7f\x7fd\n", b"abc\\cb/d\r\n", b"ad\n")]);
    p.set(|t| t.lflag &= !(lflag::ECHOKE | lflag::ECHOPRT));
    p.check(&[(b"abc\x15d\n", b"abc^U\r\nd\r\n", b"d\n")]);
    p.set(|t| t.lflag = (t.lflag & !lflag::ECHO) | lflag::ECHONL);
    p.check(&[(b"abc\x7f\n", b"\r\n", b"ab\n")]);
    p.set(|t| t.iflag |= iflag::INLCR | iflag::IGNCR);
    p.check(&[(b"a\rb\n\x04", b"", b"ab\r")]);
}

#[test]
fn end_of_file_and_lines_read_in_parts() {
    let p = pair();
    write(&*p.master, b"12345\x0467\n").unwrap();
    assert_eq!(
        (read(&*p.slave, 5).unwrap(), read(&*p.slave, 5).unwrap()),
        (b"12345".to_vec(), b"67\n".to_vec())
    );
    assert_eq!(read(&*p.slave, 5), Err(Errno::EAGAIN));
    write(&*p.master, b"12345\x0467\n").unwrap();
    assert_eq!(int_ioctl(&*p.slave, 0x541b, 0), Ok(8));
    assert_eq!(read(&*p.slave, 4).unwrap(), b"1234");
    assert_eq!(
        (read(&*p.slave, 50).unwrap(), read(&*p.slave, 50).unwrap()),
        (b"5".to_vec(), b"67\n".to_vec())
    );
    write(&*p.master, b"\x04").unwrap();
    assert_eq!(p.slave.poll(), READABLE.or(WRITABLE));
    assert_eq!((read(&*p.slave, 4), p.slave.poll()), (Ok(vec![]), WRITABLE));
    p.set(|t| t.cc[cc::VEOL] = b';');
    write(&*p.master, b"a;b\n").unwrap();
    assert_eq!((read(&*p.slave, 9).unwrap(), read(&*p.slave, 9).unwrap()), (b"a;".to_vec(), b"b\n".to_vec()));
}

#[test]
fn output_processing() {
    let p = pair();
    write(&*p.slave, b"x\ty\nz\x08\r\n").unwrap();
    assert_eq!(read(&*p.master, 99).unwrap(), b"x\ty\r\nz\x08\r\r\n");
    p.set(|t| t.oflag |= oflag::XTABS | oflag::OLCUC);
    write(&*p.slave, b"ab\tc\td\n").unwrap();
    assert_eq!(read(&*p.master, 99).unwrap(), b"AB      C       D\r\n");
    p.set(|t| t.oflag = oflag::OPOST | oflag::OCRNL);
    write(&*p.slave, b"a\rb\n").unwrap();
    assert_eq!(read(&*p.master, 99).unwrap(), b"a\nb\n");
    p.set(|t| t.oflag = 0);
    write(&*p.slave, b"a\n\t").unwrap();
    assert_eq!(read(&*p.master, 99).unwrap(), b"a\n\t");
}

#[test]
fn signals_and_flushing() {
    let p = pair();
    p.slave.tty().group.set(Some(12));
    p.check(&[(b"abc\x03def\n", b"^Cdef\r\n", b"def\n"), (b"\x1ax\n", b"^Zx\r\n", b"x\n")]);
    assert_eq!(p.host.sent.take(), [(12, 2), (12, 20)]);
    p.set(|t| t.lflag |= lflag::NOFLSH);
    p.check(&[(b"abc\x1cdef\n", b"abc^\\def\r\n", b"abcdef\n")]);
    assert_eq!(p.host.sent.take(), [(12, 3)]);
    p.set(|t| t.lflag &= !lflag::ISIG);
    p.check(&[(b"\x03\n", b"^C\r\n", b"\x03\n")]);
    assert_eq!(p.host.sent.take(), []);
}

#[test]
fn stops_and_starts() {
    let p = pair();
    write(&*p.master, b"\x13").unwrap();
    assert_eq!((p.slave.poll(), write(&*p.slave, b"hi")), (Events::NONE, Err(Errno::EAGAIN)));
    write(&*p.master, b"ab").unwrap();
    assert_eq!(read(&*p.master, 9), Err(Errno::EAGAIN));
    write(&*p.master, b"\x11").unwrap();
    assert_eq!((read(&*p.master, 9).unwrap(), p.slave.poll()), (b"ab".to_vec(), WRITABLE));
    p.set(|t| t.iflag |= iflag::IXANY);
    write(&*p.master, b"\x13").unwrap();
    assert!(p.slave.tty().ldisc.borrow().is_stopped());
    write(&*p.master, b"c\n").unwrap();
    assert!(!p.slave.tty().ldisc.borrow().is_stopped());
    write(&*p.master, b"\x13").unwrap();
    p.set(|t| t.iflag &= !iflag::IXON);
    assert!(!p.slave.tty().ldisc.borrow().is_stopped());
    p.slave.ioctl(0x540a, 0, &NoMemory).unwrap();
    assert_eq!(write(&*p.slave, b"x"), Err(Errno::EAGAIN));
    p.slave.ioctl(0x540a, 1, &NoMemory).unwrap();
    assert_eq!(write(&*p.slave, b"x"), Ok(1));
    assert_eq!(p.slave.ioctl(0x540a, 4, &NoMemory), Err(Errno::EINVAL));
}

#[test]
fn raw_mode_minimum_and_time() {
    let p = pair();
    let raw = |min: u8, time: u8| {
        p.set(|t| {
            t.lflag &= !(lflag::ICANON | lflag::ECHO);
            (t.cc[cc::VMIN], t.cc[cc::VTIME]) = (min, time);
        });
    };
    let blocking = |count: usize| p.slave.read(0, &mut SliceSink::new(&mut vec![0; count]), 0);
    write(&*p.master, b"partial").unwrap();
    assert_eq!(read(&*p.slave, 9), Err(Errno::EAGAIN));
    raw(1, 0);
    assert_eq!(read(&*p.slave, 3).unwrap(), b"par");
    p.set(|t| t.lflag |= lflag::ICANON);
    assert_eq!(read(&*p.slave, 9).unwrap(), b"tial");
    raw(0, 0);
    assert_eq!((read(&*p.slave, 5), blocking(5)), (Ok(vec![]), Ok(0)));
    raw(5, 0);
    write(&*p.master, b"abc").unwrap();
    assert_eq!((p.slave.poll(), blocking(9), blocking(3)), (WRITABLE, Err(Errno::EAGAIN), Ok(3)));
    assert_eq!(p.slave.read_timer(9), ReadTimer::None);
    raw(5, 2);
    assert_eq!(p.slave.read_timer(9), ReadTimer::None);
    write(&*p.master, b"abc").unwrap();
    assert_eq!((p.slave.poll(), blocking(9)), (READABLE.or(WRITABLE), Err(Errno::EAGAIN)));
    assert_eq!(p.slave.read_timer(9), ReadTimer::FromLastByte(200_000_000));
    assert_eq!(p.slave.read_expired(&mut SliceSink::new(&mut [0; 9])), Ok(3));
    raw(0, 3);
    assert_eq!((blocking(9), p.slave.read_timer(9)), (Err(Errno::EAGAIN), ReadTimer::FromCall(300_000_000)));
    assert_eq!(p.slave.read_expired(&mut SliceSink::new(&mut [0; 9])), Ok(0));
    raw(1, 0);
    p.set(|t| t.lflag |= lflag::ECHO);
    let _ = read(&*p.master, 99);
    p.check(&[(b"\n\r\x01\t", b"^J\r\n^A\t", b"\n\n\x01\t")]);
}

#[test]
fn long_lines_keep_their_end() {
    let p = pair();
    p.set(|t| t.lflag &= !lflag::ECHO);
    assert_eq!(write(&*p.master, &[b'y'; 4200]), Ok(4200));
    write(&*p.master, b"\n").unwrap();
    let line = read(&*p.slave, 10000).unwrap();
    assert_eq!((line.len(), &line[4093..]), (4096, &b"yy\n"[..]));
    // Many lines wait without loss.
    let text: Vec<u8> = (0..1000).flat_map(|i| alloc::format!("line {i}\n").into_bytes()).collect();
    assert_eq!(write(&*p.master, &text), Ok(text.len()));
    let mut got = Vec::new();
    while let Ok(line) = read(&*p.slave, 100) {
        got.extend(line);
    }
    assert_eq!(got, text);
    p.set(|t| t.lflag &= !lflag::ICANON);
    let mut sent = 0;
    while let Ok(n) = write(&*p.master, &[1; 1000]) {
        sent += n;
    }
    assert_eq!(p.master.poll(), Events::NONE);
    let mut count = 0;
    while let Ok(part) = read(&*p.slave, 1000) {
        count += part.len();
    }
    assert_eq!((sent, p.master.poll()), (count, WRITABLE));
}

#[test]
fn output_waits_for_the_master() {
    let p = pair();
    let mut sent = 0;
    while let Ok(n) = write(&*p.slave, &[b'x'; 100]) {
        sent += n;
    }
    assert_eq!(p.slave.poll(), Events::NONE);
    write(&*p.master, b"echo").unwrap();
    let mut got = Vec::new();
    while let Ok(part) = read(&*p.master, 1000) {
        got.extend(part);
    }
    assert_eq!(got.len(), sent + 4);
    assert_eq!((&got[sent..], p.slave.poll()), (&b"echo"[..], WRITABLE));
}

#[test]
fn opening_and_closing() {
    let host = Rc::new(Host::default());
    let ptys = Ptys::new(host.clone(), 9);
    let master = ptys.open_master().unwrap();
    assert_eq!(
        (master.poll(), read(&*master, 9), write(&*master, b"abc")),
        (WRITABLE, Err(Errno::EAGAIN), Ok(3))
    );
    assert_eq!(read(&*master, 9).unwrap(), b"abc");
    let number = int_ioctl(&*master, 0x8004_5430, 9).unwrap() as u32;
    assert_eq!((number, ptys.numbers()), (0, vec![0]));
    let tty = ptys.get(number).unwrap();
    assert_eq!(tty.open(0).err(), Some(Errno::EIO));
    int_ioctl(&*master, 0x4004_5431, 0).unwrap();
    let slave = tty.open(flags::O_RDWR).unwrap();
    assert_eq!(slave.stat().unwrap().mode, S_IFCHR | 0o620);
    assert_eq!((slave.stat().unwrap().rdev, slave.describe()), (136 << 8, b"/dev/pts/0".to_vec()));
    write(&*slave, b"bye").unwrap();
    let again = slave.reopen(flags::O_RDWR).unwrap();
    slave.release();
    assert_eq!(master.poll(), READABLE.or(WRITABLE));
    drop(again);
    assert_eq!(master.poll(), READABLE.or(WRITABLE).or(Events::HUP));
    assert_eq!((read(&*master, 9).unwrap(), read(&*master, 9)), (b"bye".to_vec(), Err(Errno::EIO)));
    assert_eq!(write(&*master, b"q"), Ok(1));
    let slave = master.open_peer(flags::O_RDWR).unwrap();
    let _ = read(&*master, 9);
    assert_eq!((master.poll(), read(&*master, 9)), (WRITABLE, Err(Errno::EAGAIN)));
    master.release();
    assert_eq!(slave.poll().0, 0x15d);
    assert_eq!((read(&*slave, 9), write(&*slave, b"x")), (Ok(vec![]), Err(Errno::EIO)));
    assert_eq!(slave.ioctl(0x5401, 1, &NoMemory), Err(Errno::EIO));
    assert_eq!(slave.ioctl(0x5410, 1, &NoMemory), Err(Errno::ENOTTY));
    assert!(ptys.get(0).is_none() && tty.open(0).is_err());
    assert_eq!(ptys.open_master().unwrap().number(), 0);
}

#[test]
fn packet_mode() {
    let p = pair();
    int_ioctl(&*p.master, 0x5420, 1).unwrap();
    write(&*p.slave, b"data").unwrap();
    assert_eq!(read(&*p.master, 9).unwrap(), b"\0data");
    p.slave.ioctl(0x540b, 0, &NoMemory).unwrap();
    assert_eq!(p.master.poll().0, 0x147);
    assert_eq!(read(&*p.master, 9).unwrap(), [1]);
    p.slave.ioctl(0x540a, 0, &NoMemory).unwrap();
    assert_eq!(read(&*p.master, 9).unwrap(), [4]);
    p.slave.ioctl(0x540a, 1, &NoMemory).unwrap();
    assert_eq!(read(&*p.master, 9).unwrap(), [8]);
    p.set(|t| t.iflag &= !iflag::IXON);
    assert_eq!(read(&*p.master, 9).unwrap(), [16]);
    int_ioctl(&*p.master, 0x5420, 0).unwrap();
    write(&*p.slave, b"data").unwrap();
    assert_eq!(read(&*p.master, 9).unwrap(), b"data");
}

#[test]
fn job_control() {
    let p = pair();
    let tty = p.slave.tty();
    assert_eq!(int_ioctl(&*p.slave, 0x540f, 0), Err(Errno::ENOTTY));
    assert_eq!(
        (int_ioctl(&*p.master, 0x540f, 9), int_ioctl(&*p.master, 0x5429, 0)),
        (Ok(0), Err(Errno::ENOTTY))
    );
    assert_eq!(int_ioctl(&*p.slave, 0x5410, 10), Err(Errno::ENOTTY));
    assert_eq!(p.slave.ioctl(0x5422, 0, &NoMemory), Err(Errno::ENOTTY));
    p.host.caller.set(Caller { session: 10, group: 10, ..Caller::default() });
    assert_eq!(p.slave.ioctl(0x540e, 0, &NoMemory), Err(Errno::EPERM));
    p.host.caller.set(Caller { session: 10, group: 10, leads: true, ..Caller::default() });
    let opened = tty.open(flags::O_RDWR | flags::O_NOCTTY).unwrap();
    assert_eq!(tty.session(), None);
    assert_eq!((p.slave.ioctl(0x540e, 0, &NoMemory), opened.ioctl(0x540e, 0, &NoMemory)), (Ok(0), Ok(0)));
    assert_eq!(
        (tty.session(), tty.foreground(), p.host.controlling().is_some_and(|held| held.id() == tty.id())),
        (Some(10), Some(10), true)
    );
    assert_eq!((int_ioctl(&*p.slave, 0x540f, 0), int_ioctl(&*p.slave, 0x5429, 0)), (Ok(10), Ok(10)));
    assert_eq!(int_ioctl(&*p.slave, 0x5410, 20), Err(Errno::EPERM));
    assert_eq!(int_ioctl(&*p.slave, 0x5410, 200), Err(Errno::ESRCH));
    assert_eq!(int_ioctl(&*p.slave, 0x5410, -1), Err(Errno::EINVAL));
    assert_eq!((int_ioctl(&*p.slave, 0x5410, 11), tty.foreground()), (Ok(11), Some(11)));
    // The caller is in the background now.
    p.host.background.set(Some(Errno::ERESTARTSYS));
    assert_eq!(read(&*p.slave, 1), Err(Errno::ERESTARTSYS));
    assert_eq!(p.slave.ioctl(0x540b, 0, &NoMemory), Err(Errno::ERESTARTSYS));
    assert_eq!(write(&*p.slave, b"x"), Ok(1));
    p.host.background.set(None);
    p.set(|t| t.lflag |= lflag::TOSTOP);
    p.host.background.set(Some(Errno::EIO));
    assert_eq!(write(&*p.slave, b"x"), Err(Errno::EIO));
    assert_eq!(int_ioctl(&*p.slave, 0x5410, 11), Err(Errno::ENOTTY));
    let size = WindowSize { rows: 24, columns: 80, width: 1, height: 2 };
    ioctl(&*p.master, 0x5414, &size.encode()).unwrap();
    ioctl(&*p.master, 0x5414, &size.encode()).unwrap();
    assert_eq!(
        WindowSize::decode(ioctl(&*p.slave, 0x5413, &[]).unwrap().as_slice().try_into().unwrap()),
        size
    );
    assert_eq!(p.host.sent.take(), [(11, SIGWINCH)]);
    // Closing the master: the leader is told, and the session has no terminal any more.
    p.master.release();
    assert_eq!((p.host.sent.take(), p.host.lost.take()), (vec![(-10, 1), (-10, 18)], vec![10]));
    assert_eq!((tty.session(), tty.foreground()), (None, None));
}

#[test]
fn giving_up_and_stealing() {
    let p = pair();
    p.host.caller.set(Caller { session: 10, group: 10, leads: true, ..Caller::default() });
    let opened = p.slave.tty().open(flags::O_RDWR).unwrap();
    assert_eq!(p.slave.tty().session(), Some(10));
    let other = Caller { session: 20, group: 20, leads: true, ..Caller::default() };
    p.host.caller.set(other);
    p.host.set_controlling(None);
    assert_eq!(opened.ioctl(0x540e, 1, &NoMemory), Err(Errno::EPERM));
    p.host.caller.set(Caller { privileged: true, ..other });
    assert_eq!(opened.ioctl(0x540e, 0, &NoMemory), Err(Errno::EPERM));
    assert_eq!(opened.ioctl(0x540e, 1, &NoMemory), Ok(0));
    assert_eq!((p.slave.tty().session(), p.host.lost.take()), (Some(20), vec![10]));
    assert_eq!(opened.ioctl(0x5422, 0, &NoMemory), Ok(0));
    assert_eq!((p.host.sent.take(), p.slave.tty().session()), (vec![(20, 1), (20, 18)], None));
    p.slave.tty().group.set(Some(20));
    p.slave.tty().session.set(Some(20));
    p.slave.tty().leader_exited();
    assert_eq!((p.host.sent.take(), p.slave.tty().session()), (vec![(20, 1)], None));
    assert_eq!(write(&*p.slave, b"x"), Ok(1));
    p.slave.tty().hang_up();
    assert_eq!((read(&*p.slave, 9), write(&*p.slave, b"x")), (Ok(vec![]), Err(Errno::EIO)));
    assert!(p.ptys.get(0).unwrap().open(flags::O_NOCTTY).is_ok());
}

#[test]
fn settings_and_odd_requests() {
    let p = pair();
    let mut termios = Termios::default();
    assert_eq!(ioctl(&*p.slave, 0x5401, &[]).unwrap(), termios.encode()[..36]);
    assert_eq!(ioctl(&*p.master, 0x802c_542a, &[]).unwrap(), termios.encode());
    termios.input_speed = 12345;
    ioctl(&*p.master, 0x402c_542b, &termios.encode()).unwrap();
    assert_eq!(ioctl(&*p.slave, 0x802c_542a, &[]).unwrap(), termios.encode());
    assert_eq!(ioctl(&*p.slave, 0x5405, &[]).unwrap(), termios.encode_old());
    write(&*p.master, b"pending\n").unwrap();
    ioctl(&*p.slave, 0x5404, &termios.encode()[..36]).unwrap();
    assert_eq!(read(&*p.slave, 9), Err(Errno::EAGAIN));
    assert_eq!(ioctl(&*p.slave, 0x5412, b"x"), Err(Errno::EIO));
    assert_eq!(ioctl(&*p.slave, 0x5499, &[]), Err(Errno::ENOTTY));
    assert_eq!(ioctl(&*p.slave, 0x8004_5430, &[]), Err(Errno::ENOTTY));
    assert_eq!(p.slave.ioctl(0x5401, 1, &NoMemory), Err(Errno::EFAULT));
    assert_eq!(p.slave.ioctl(0x5409, 1, &NoMemory), Ok(0));
    p.slave.ioctl(0x540c, 0, &NoMemory).unwrap();
    assert_eq!(p.slave.tty().open(0).err(), Some(Errno::EBUSY));
    assert_eq!(TtyFile::of(&*p.slave).unwrap().tty().name(), b"/dev/pts/0");
}

#[test]
fn the_console() {
    let host = Rc::new(Host::default());
    let fake = Fake::new();
    let console = ConsoleTty::new(host.clone(), fake.clone());
    host.caller.set(Caller { session: 1, group: 1, leads: true, ..Caller::default() });
    let file = console.open(flags::O_RDWR).unwrap();
    assert_eq!((read(&*file, 9), console.tty().session()), (Err(Errno::EAGAIN), Some(1)));
    fake.input.borrow_mut().extend(b"hi\n");
    console.changed();
    assert_eq!((file.poll(), read(&*file, 9).unwrap()), (READABLE.or(WRITABLE), b"hi\n".to_vec()));
    write(&*file, b"out\n").unwrap();
    assert_eq!(fake.output.take(), b"hi\r\nout\r\n");
    // ^C arrives although nobody reads.
    fake.input.borrow_mut().extend(b"abc\x03");
    console.changed();
    assert_eq!(host.sent.take(), [(1, 2)]);
    console.resize(WindowSize { rows: 1, columns: 2, width: 0, height: 0 });
    assert_eq!(host.sent.take(), [(1, SIGWINCH)]);
    fake.output.take();
    fake.limit.set(3);
    // Each byte may become two: one place stays empty, and poll agrees with write.
    assert_eq!((write(&*file, b"123456"), write(&*file, b"3")), (Ok(2), Err(Errno::EAGAIN)));
    assert_eq!(file.poll(), Events::NONE);
    fake.limit.set(100);
    console.changed();
    assert_eq!(write(&*file, b"3456"), Ok(4));
    fake.input.borrow_mut().extend(b"la\nst");
    fake.ended.set(true);
    console.changed();
    assert_eq!((read(&*file, 9).unwrap(), read(&*file, 9).unwrap()), (b"la\n".to_vec(), vec![]));
    assert!(file.poll().intersects(Events::HUP));
    fake.closed.set(true);
    assert_eq!(write(&*file, b"x"), Err(Errno::EIO));
}

#[test]
fn garbage_never_panics() {
    let p = pair();
    let mut seed = 1u32;
    let mut next = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        seed >> 8
    };
    for _ in 0..3000 {
        match next() % 8 {
            0 => {
                let bits = next();
                let key = next();
                p.set(|t| {
                    t.lflag = bits & 0o377_777;
                    t.iflag = key & 0o77_777;
                    t.cc[(key % 17) as usize] = bits as u8;
                });
            }
            1 | 2 => drop(read(&*p.slave, (next() % 300) as usize)),
            3 => drop(read(&*p.master, (next() % 3000) as usize)),
            4 => drop(write(&*p.slave, &vec![next() as u8; (next() % 300) as usize])),
            5 => drop(p.slave.ioctl(0x540b, (next() % 3) as usize, &NoMemory)),
            _ => {
                let bytes: Vec<u8> = (0..next() % 200).map(|_| next() as u8 & 0x9f).collect();
                let _ = write(&*p.master, &bytes);
            }
        }
        p.slave.poll();
        p.master.poll();
        int_ioctl(&*p.slave, 0x541b, 0).unwrap();
    }
}

#[test]
fn a_terminal_goes_on_in_another_kernel() {
    let first = pair();
    write(&*first.master, b"whole\nhalf").unwrap();
    write(&*first.slave, b"shown\n").unwrap();
    let tty = first.slave.tty();
    tty.set_window_size(WindowSize { rows: 7, columns: 8, ..WindowSize::default() });
    tty.session.set(Some(40));
    tty.group.set(Some(41));
    let state = tty.export();
    let second = pair();
    second.slave.tty().import(&state).unwrap();
    assert_eq!(second.slave.tty().export(), state);
    assert_eq!(read(&*second.master, 100).unwrap(), read(&*first.master, 100).unwrap());
    write(&*second.master, b"\x7f\x7fre\n").unwrap();
    assert_eq!(read(&*second.slave, 100).unwrap(), b"whole\n");
    assert_eq!(read(&*second.slave, 100).unwrap(), b"hare\n");
    assert_eq!(second.slave.tty().window_size().columns, 8);
    assert_eq!((second.slave.tty().session(), second.slave.tty().foreground()), (Some(40), Some(41)));
    // Whatever comes, it is refused or of some use.
    let mut random = crate::fs::testing::Random(3);
    for round in 0..3000 {
        let mut bytes = state.clone();
        for _ in 0..=random.below(4) {
            let at = random.below(bytes.len() as u64) as usize;
            bytes[at] = random.next() as u8;
        }
        if round % 5 == 0 {
            bytes.truncate(random.below(bytes.len() as u64) as usize);
        }
        let third = pair();
        if third.slave.tty().import(&bytes).is_ok() {
            let _ = write(&*third.master, b"a\x7f\x15b\nc\x04\x17\x12");
            let _ = third.slave.tty().export();
            let _ = third.slave.ioctl(0x541b, 0, &Memory(RefCell::new(vec![0; 4])));
            for _ in 0..10 {
                let _ = read(&*third.slave, 100);
            }
            let _ = read(&*third.master, 100);
        }
    }
}
