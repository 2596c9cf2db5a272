use super::*;
use crate::file::{File, flags};
use crate::stat::S_IFIFO;
use crate::user::{SliceSink, SliceSource};
use crate::wait::Wake;
use alloc::rc::Rc;
use alloc::vec;
use alloc::vec::Vec;

fn get(end: &PipeEnd, count: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; count];
    let n = end.read(0, &mut SliceSink::new(&mut bytes), 0)?;
    bytes.truncate(n);
    Ok(bytes)
}

fn put(end: &PipeEnd, bytes: &[u8]) -> Result<usize> {
    end.write(0, &mut SliceSource(bytes), 0)
}

fn put_packet(end: &PipeEnd, bytes: &[u8]) -> Result<usize> {
    end.write(0, &mut SliceSource(bytes), flags::O_DIRECT)
}

/// Bytes of which only the first `good` are readable or writable.
struct Faulty {
    left: usize,
    good: usize,
}

impl Source for Faulty {
    fn remaining(&self) -> usize {
        self.left
    }
    fn take(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let n = buffer.len().min(self.left).min(self.good);
        if n == 0 {
            return Err(Errno::EFAULT);
        }
        self.left -= n;
        self.good -= n;
        Ok(n)
    }
}

impl Sink for Faulty {
    fn remaining(&self) -> usize {
        self.left
    }
    fn put(&mut self, bytes: &[u8]) -> Result<usize> {
        self.take(&mut vec![0; bytes.len()])
    }
}

struct Count(Cell<u32>);
impl Wake for Count {
    fn wake(&self, _: Events) {
        self.0.set(self.0.get() + 1);
    }
}
fn counter(queue: &WaitQueue, mask: Events) -> Rc<Count> {
    let count = Rc::new(Count(Cell::new(0)));
    queue.add(mask, count.clone());
    count
}

#[test]
fn passes_bytes_and_ends() {
    let (r, w) = pipe(Origin::default());
    assert_eq!(get(&r, 4), Err(Errno::EAGAIN));
    assert_eq!(put(&w, b"hello"), Ok(5));
    assert_eq!(get(&r, 2), Ok(b"he".to_vec()));
    assert_eq!(r.pipe().unread(), 3);
    w.release();
    assert_eq!(get(&r, 9), Ok(b"llo".to_vec()));
    assert_eq!(get(&r, 9), Ok(Vec::new()));
}

#[test]
fn wrong_direction_is_a_bad_descriptor() {
    let (r, w) = pipe(Origin::default());
    assert_eq!(put(&r, b"x"), Err(Errno::EBADF));
    assert_eq!(get(&w, 1), Err(Errno::EBADF));
}

#[test]
fn broken_without_reader() {
    let (r, w) = pipe(Origin::default());
    r.release();
    assert_eq!(put(&w, b"x"), Err(Errno::EPIPE));
    assert_eq!(put(&w, b""), Ok(0));
    assert_eq!(w.poll(), Events::OUT.or(Events::WRNORM).or(Events::ERR));
}

#[test]
fn poll_bits() {
    let (r, w) = pipe(Origin::default());
    assert_eq!(r.poll(), Events::NONE);
    assert_eq!(w.poll(), Events::OUT.or(Events::WRNORM));
    put(&w, b"x").unwrap();
    assert_eq!(r.poll(), Events::IN.or(Events::RDNORM));
    w.release();
    assert_eq!(r.poll(), Events::IN.or(Events::RDNORM).or(Events::HUP));
    get(&r, 1).unwrap();
    assert_eq!(r.poll(), Events::HUP);
}

#[test]
fn small_writes_fill_64_kib_and_larger_ones_whole_pages() {
    let (r, w) = pipe(Origin::default());
    let mut n = 0;
    while put(&w, b"x").is_ok() {
        n += 1;
    }
    assert_eq!(n, 65536);
    assert_eq!(w.poll(), Events::NONE);
    get(&r, 4095).unwrap();
    assert_eq!(w.poll(), Events::NONE);
    assert_eq!(put(&w, b"x"), Err(Errno::EAGAIN));
    get(&r, 1).unwrap();
    assert_eq!(put(&w, &[1; 4096]), Ok(4096));

    // Counts taken from Linux 6.18.
    let (_r, w) = pipe(Origin::default());
    assert_eq!((0..99).take_while(|_| put(&w, &[0; 5000]).is_ok()).count(), 11);
    let (_r, w) = pipe(Origin::default());
    let mut n = 0;
    while put(&w, &[0; 3000]).is_ok() {
        n += 1;
    }
    assert_eq!(n, 16);
    assert_eq!(put(&w, &[0; 1000]), Ok(1000));
    assert_eq!(put(&w, &[0; 97]), Err(Errno::EAGAIN));
}

#[test]
fn small_writes_are_whole_and_large_ones_partial() {
    let (r, w) = pipe(Origin::default());
    assert_eq!(put(&w, &[1; 70000]), Ok(65536));
    assert_eq!(put(&w, &[2; 2]), Err(Errno::EAGAIN));
    get(&r, 5000).unwrap();
    assert_eq!(put(&w, &[2; 4097]), Ok(4096));
    let mut all = Vec::new();
    while let Ok(part) = get(&r, 777) {
        all.extend(part);
    }
    assert_eq!(all.len(), 65536 - 5000 + 4096);
    assert!(all[..60536].iter().all(|&b| b == 1) && all[60536..].iter().all(|&b| b == 2));
}

#[test]
fn order_survives_wrapping_and_growth() {
    let (r, w) = pipe(Origin::default());
    let (mut sent, mut got, mut seed) = (0u32, 0u32, 7u32);
    for _ in 0..20000 {
        seed = seed.wrapping_mul(1664525).wrapping_add(1013904223);
        let n = (seed >> 16) as usize % if seed & 0x100 == 0 { 40 } else { 20000 };
        if seed & 0x200 == 0 {
            let bytes: Vec<u8> = (0..n as u32).map(|i| (((sent + i) * 31) >> 3) as u8).collect();
            sent += put(&w, &bytes).unwrap_or(0) as u32;
        } else {
            for byte in get(&r, n).unwrap_or_default() {
                assert_eq!(byte, ((got * 31) >> 3) as u8);
                got += 1;
            }
        }
        assert_eq!(r.pipe().unread() as u32, sent - got);
    }
    assert!(got > 100_000);
}

#[test]
fn packets_keep_their_bounds() {
    let (r, w) = pipe(Origin::default());
    put_packet(&w, b"first").unwrap();
    put_packet(&w, b"second").unwrap();
    assert_eq!(get(&r, 100), Ok(b"first".to_vec()));
    assert_eq!(get(&r, 3), Ok(b"sec".to_vec()));
    assert_eq!(get(&r, 100), Err(Errno::EAGAIN));
    assert_eq!(put_packet(&w, &[1; 5000]), Ok(5000));
    assert_eq!(get(&r, 9000).unwrap().len(), 4096);
    assert_eq!(get(&r, 9000).unwrap().len(), 904);
    // A stream write never joins a packet.
    put_packet(&w, b"p").unwrap();
    put(&w, b"q").unwrap();
    put(&w, b"r").unwrap();
    assert_eq!(get(&r, 9), Ok(b"p".to_vec()));
    assert_eq!(get(&r, 9), Ok(b"qr".to_vec()));
}

#[test]
fn capacity_rounds_and_is_checked() {
    let (r, w) = pipe(Origin::default());
    let p = r.pipe();
    assert_eq!(p.capacity(), 65536);
    assert_eq!(p.set_capacity(1, false), Ok(4096));
    assert_eq!(put(&w, &[0; 9000]), Ok(4096));
    assert_eq!(p.set_capacity(5000, false), Ok(8192));
    assert_eq!(put(&w, &[0; 9000]), Ok(4096));
    assert_eq!(p.set_capacity(4096, false), Err(Errno::EBUSY));
    assert_eq!(p.set_capacity((1 << 20) + 1, false), Err(Errno::EPERM));
    assert_eq!(p.set_capacity((1 << 20) + 1, true), Ok(1 << 21));
    assert_eq!(p.set_capacity((1 << 31) + 1, true), Err(Errno::EINVAL));
    assert_eq!(p.unread(), 8192);
}

#[test]
fn resizing_keeps_the_bytes() {
    let (r, w) = pipe(Origin::default());
    let bytes: Vec<u8> = (0..60000u32).map(|i| (i % 251) as u8).collect();
    put(&w, &bytes).unwrap();
    assert_eq!(get(&r, 30000).unwrap(), bytes[..30000]);
    put(&w, &bytes[..20000]).unwrap();
    r.pipe().set_capacity(1 << 18, false).unwrap();
    assert_eq!(get(&r, 30000).unwrap(), bytes[30000..]);
    assert_eq!(get(&r, 30000).unwrap(), bytes[..20000]);
}

#[test]
fn faults_lose_nothing() {
    let (r, w) = pipe(Origin::default());
    assert_eq!(w.write(0, &mut Faulty { left: 10, good: 5 }, 0), Err(Errno::EFAULT));
    assert_eq!(w.write(0, &mut Faulty { left: 9000, good: 5000 }, 0), Ok(4096));
    assert_eq!(r.pipe().unread(), 4096);
    assert_eq!(r.read(0, &mut Faulty { left: 100, good: 50 }, 0), Err(Errno::EFAULT));
    assert_eq!(r.read(0, &mut Faulty { left: 100, good: 0 }, 0), Err(Errno::EFAULT));
    assert_eq!(r.pipe().unread(), 4096);
    put(&w, &[0; 4096]).unwrap();
    assert_eq!(r.read(0, &mut Faulty { left: 9000, good: 5000 }, 0), Ok(4096));
    assert_eq!(r.pipe().unread(), 4096);
}

#[test]
fn wakes_readers_on_data_and_writers_when_no_longer_full() {
    let (r, w) = pipe(Origin::default());
    let reader = counter(r.wait_queue().unwrap(), Events::IN);
    let writer = counter(w.wait_queue().unwrap(), Events::OUT);
    put(&w, b"x").unwrap();
    put(&w, b"y").unwrap();
    assert_eq!(reader.0.get(), 2);
    put(&w, &[0; 65536]).unwrap();
    get(&r, 1).unwrap();
    assert_eq!(writer.0.get(), 0);
    get(&r, 9000).unwrap();
    assert_eq!(writer.0.get(), 1);
    get(&r, 9000).unwrap();
    assert_eq!(writer.0.get(), 1);
    let before = reader.0.get();
    w.release();
    assert_eq!(reader.0.get(), before + 1);
}

#[test]
fn a_single_page_is_reused_by_small_exchanges() {
    let (r, w) = pipe(Origin::default());
    for _ in 0..100 {
        put(&w, b"abc").unwrap();
        get(&r, 3).unwrap();
    }
    assert_eq!(r.pipe().ring.borrow_mut().room(1).unwrap().0, 0);
}

#[test]
fn names_and_attributes() {
    let origin = Origin { uid: 5, gid: 6, now: 77 };
    let (r, w) = pipe(origin);
    let stat = r.stat().unwrap();
    assert_eq!((stat.mode, stat.uid, stat.gid, stat.modified), (S_IFIFO | 0o600, 5, 6, 77));
    assert_eq!(stat.inode, w.stat().unwrap().inode);
    assert_eq!(r.describe(), alloc::format!("pipe:[{}]", stat.inode).into_bytes());
    assert_ne!(pipe(origin).0.stat().unwrap().inode, stat.inode);
}

#[test]
fn opened_again_through_proc() {
    let (r, w) = pipe(Origin::default());
    let again = r.reopen(flags::O_WRONLY).unwrap();
    assert_eq!((r.pipe().readers(), r.pipe().writers()), (1, 2));
    again.release();
    w.release();
    assert_eq!(get(&r, 1), Ok(Vec::new()));
}

fn ready(end: Result<Rc<PipeEnd>>) -> Rc<PipeEnd> {
    let end = end.unwrap();
    assert!(!end.is_opening());
    end
}

fn blocked(end: Result<Rc<PipeEnd>>) -> Rc<PipeEnd> {
    let end = end.unwrap();
    assert!(end.is_opening());
    end
}

#[test]
fn fifo_open_waits_for_the_other_side() {
    let fifo = Fifo::new(Origin::default());
    let r = blocked(fifo.open(flags::O_RDONLY, None));
    let woken = counter(r.partner_queue(), Events::ALL);
    let w = ready(fifo.open(flags::O_WRONLY, None));
    assert_eq!(woken.0.get(), 1);
    // The writer may have gone before the reader looks: the open still succeeds.
    put(&w, b"x").unwrap();
    w.release();
    assert!(!r.is_opening());
    assert_eq!(get(&r, 5), Ok(b"x".to_vec()));
    assert_eq!(get(&r, 5), Ok(Vec::new()));
}

#[test]
fn fifo_writer_waits_and_gives_up() {
    let fifo = Fifo::new(Origin::default());
    let pending = blocked(fifo.open(flags::O_WRONLY, None));
    assert_eq!(fifo.pipe().writers(), 1);
    drop(pending);
    assert_eq!(fifo.pipe().writers(), 0);
    let _other = blocked(fifo.open(flags::O_RDONLY, None));
}

#[test]
fn fifo_nonblocking() {
    let fifo = Fifo::new(Origin::default());
    assert!(matches!(fifo.open(flags::O_WRONLY | flags::O_NONBLOCK, None), Err(Errno::ENXIO)));
    let r = ready(fifo.open(flags::O_RDONLY | flags::O_NONBLOCK, None));
    assert_eq!(r.poll(), Events::NONE);
    assert_eq!(get(&r, 1), Ok(Vec::new()));
    let w = ready(fifo.open(flags::O_WRONLY | flags::O_NONBLOCK, None));
    assert_eq!(get(&r, 1), Err(Errno::EAGAIN));
    w.release();
    assert_eq!(r.poll(), Events::HUP);
}

#[test]
fn fifo_read_write_never_blocks_and_unread_data_dies_with_the_last_end() {
    let fifo = Fifo::new(Origin::default());
    let both = ready(fifo.open(flags::O_RDWR, None));
    let woken = counter(both.wait_queue().unwrap(), Events::IN);
    put(&both, b"abc").unwrap();
    assert_eq!(woken.0.get(), 1);
    assert_eq!(get(&both, 1), Ok(b"a".to_vec()));
    both.release();
    let both = ready(fifo.open(flags::O_RDWR, None));
    assert_eq!(get(&both, 1), Err(Errno::EAGAIN));
}

#[test]
fn tee_copies_and_splice_moves() {
    let ((r1, w1), (r2, w2)) = (pipe(Origin::default()), pipe(Origin::default()));
    assert_eq!(tee(&r1, &w2, 10), Err(Errno::EAGAIN));
    put(&w1, b"abcdef").unwrap();
    assert_eq!(tee(&r1, &w2, 4), Ok(4));
    assert_eq!(get(&r2, 10), Ok(b"abcd".to_vec()));
    assert_eq!(pipe_to_pipe(&r1, &w2, 5), Ok(5));
    assert_eq!(get(&r2, 10), Ok(b"abcde".to_vec()));
    assert_eq!(get(&r1, 10), Ok(b"f".to_vec()));
    assert_eq!(tee(&r1, &w1, 1), Err(Errno::EINVAL));
    w1.release();
    assert_eq!(tee(&r1, &w2, 1), Ok(0));
    r2.release();
    assert_eq!(tee(&r1, &w2, 1), Err(Errno::EPIPE));
}

#[test]
fn splice_with_files() {
    let (r, w) = pipe(Origin::default());
    let counter = super::super::eventfd::EventFd::new(9, false);
    assert_eq!(file_to_pipe(&*counter, 0, &w, 8, 0), Ok(8));
    assert_eq!(pipe_to_file(&r, &*counter, 0, 8, 0), Ok(8));
    assert_eq!(counter.count(), 9);
    assert_eq!(pipe_to_file(&r, &*counter, 0, 8, 0), Err(Errno::EAGAIN));
    let (r2, w2) = pipe(Origin::default());
    put(&w2, &[7; 65536]).unwrap();
    assert_eq!(file_to_pipe(&*r2, 0, &w, 100_000, 0), Ok(65536));
    assert_eq!(file_to_pipe(&*r2, 0, &w, 1, 0), Err(Errno::EAGAIN));
    assert_eq!(get(&r, 100_000).unwrap().len(), 65536);
    w2.release();
    assert_eq!(file_to_pipe(&*r2, 0, &w, 1, 0), Ok(0));
}
