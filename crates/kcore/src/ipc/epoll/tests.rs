use super::*;
use crate::ipc::eventfd::EventFd;
use crate::ipc::object::Origin;
use crate::ipc::pipe::{PipeEnd, pipe};
use crate::user::{SliceSink, SliceSource};
use crate::wait::Wake;

const IN: u32 = Events::IN.0;
const OUT: u32 = Events::OUT.0;
const HUP: u32 = Events::HUP.0;

/// Stands in for the kernel's open file description.
struct Open {
    description: Rc<dyn Any>,
    file: Rc<dyn File>,
    fd: i32,
}

impl Open {
    fn new(fd: i32, file: Rc<dyn File>) -> Open {
        Open { description: Rc::new(fd), file, fd }
    }
    fn watched(&self) -> Watched<'_> {
        Watched { fd: self.fd, description: &self.description, file: &self.file }
    }
}

fn wait(epoll: &Epoll, max: usize) -> Vec<(u32, u64)> {
    let mut all = Vec::new();
    epoll
        .wait(max, &mut |events, data| {
            all.push((events, data));
            Ok(())
        })
        .unwrap();
    all
}

fn put(file: &dyn File, bytes: &[u8]) {
    assert_eq!(file.write(0, &mut SliceSource(bytes), 0), Ok(bytes.len()));
}

fn get(file: &dyn File, count: usize) {
    let mut bytes = alloc::vec![0; count];
    file.read(0, &mut SliceSink::new(&mut bytes), 0).unwrap();
}

fn open_pipe() -> (Open, Open, Rc<PipeEnd>, Rc<PipeEnd>) {
    let (r, w) = pipe(Origin::default());
    (Open::new(3, r.clone()), Open::new(4, w.clone()), r, w)
}

struct Count(Cell<u32>);
impl Wake for Count {
    fn wake(&self, _: Events) {
        self.0.set(self.0.get() + 1);
    }
}

#[test]
fn level_triggered_reports_while_ready() {
    let epoll = Epoll::new();
    let (r, _w, _, writer) = open_pipe();
    epoll.add(&r.watched(), IN, 77).unwrap();
    assert!(wait(&epoll, 8).is_empty());
    put(&*writer, b"ab");
    assert_eq!(wait(&epoll, 8), [(IN, 77)]);
    get(&*r.file, 1);
    assert_eq!(wait(&epoll, 8), [(IN, 77)]);
    get(&*r.file, 1);
    assert!(wait(&epoll, 8).is_empty());
    put(&*writer, b"c");
    assert_eq!(wait(&epoll, 8), [(IN, 77)]);
}

#[test]
fn edge_triggered_reports_each_notification_once() {
    let epoll = Epoll::new();
    let (r, _w, _, writer) = open_pipe();
    put(&*writer, b"before");
    epoll.add(&r.watched(), IN | EPOLLET, 1).unwrap();
    assert_eq!(wait(&epoll, 8).len(), 1);
    assert!(wait(&epoll, 8).is_empty());
    put(&*writer, b"x");
    put(&*writer, b"y");
    assert_eq!(wait(&epoll, 8).len(), 1);
    assert!(wait(&epoll, 8).is_empty());
    // Modifying arms it again.
    epoll.modify(&r.watched(), IN | EPOLLET, 2).unwrap();
    assert_eq!(wait(&epoll, 8), [(IN, 2)]);
    // Ready no longer: an edge that has passed is not reported.
    put(&*writer, b"z");
    get(&*r.file, 100);
    assert!(wait(&epoll, 8).is_empty());
}

#[test]
fn oneshot_waits_for_modification() {
    let epoll = Epoll::new();
    let (r, _w, _, writer) = open_pipe();
    epoll.add(&r.watched(), IN | EPOLLONESHOT, 1).unwrap();
    put(&*writer, b"x");
    assert_eq!(wait(&epoll, 8), [(IN, 1)]);
    put(&*writer, b"x");
    writer.release();
    assert!(wait(&epoll, 8).is_empty());
    epoll.modify(&r.watched(), IN | EPOLLONESHOT, 1).unwrap();
    assert_eq!(wait(&epoll, 8), [(IN | HUP, 1)]);
}

#[test]
fn errors_and_hangup_are_always_reported() {
    let epoll = Epoll::new();
    let (r, w, reader, writer) = open_pipe();
    epoll.add(&r.watched(), 0, 1).unwrap();
    epoll.add(&w.watched(), 0, 2).unwrap();
    put(&*writer, b"x");
    assert!(wait(&epoll, 8).is_empty());
    writer.release();
    assert_eq!(wait(&epoll, 8), [(HUP, 1)]);
    reader.release();
    let (r, w, reader, _) = open_pipe();
    let epoll = Epoll::new();
    epoll.add(&w.watched(), OUT, 2).unwrap();
    reader.release();
    drop(r);
    assert_eq!(wait(&epoll, 8), [(OUT | Events::ERR.0, 2)]);
}

#[test]
fn a_small_maximum_starves_nobody() {
    let epoll = Epoll::new();
    let all: Vec<Open> = (0..5).map(|fd| Open::new(fd, EventFd::new(1, false))).collect();
    for open in &all {
        epoll.add(&open.watched(), IN, open.fd as u64).unwrap();
    }
    let seen: Vec<u64> = (0..5).flat_map(|_| wait(&epoll, 2)).map(|(_, data)| data).collect();
    assert_eq!(seen, [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]);
}

#[test]
fn keys_are_number_and_description() {
    let epoll = Epoll::new();
    let (r, _w, _, writer) = open_pipe();
    let duplicate = Open { description: r.description.clone(), file: r.file.clone(), fd: 9 };
    epoll.add(&r.watched(), IN, 1).unwrap();
    assert_eq!(epoll.add(&r.watched(), IN, 1), Err(Errno::EEXIST));
    epoll.add(&duplicate.watched(), IN, 2).unwrap();
    put(&*writer, b"x");
    assert_eq!(wait(&epoll, 8).len(), 2);
    epoll.delete(&r.watched()).unwrap();
    assert_eq!(epoll.delete(&r.watched()), Err(Errno::ENOENT));
    assert_eq!(epoll.modify(&r.watched(), IN, 1), Err(Errno::ENOENT));
    assert_eq!(wait(&epoll, 8), [(IN, 2)]);
    // The number given to another description is another key.
    let other = Open::new(9, EventFd::new(1, false));
    epoll.add(&other.watched(), IN, 3).unwrap();
    assert_eq!(wait(&epoll, 8).len(), 2);
}

#[test]
fn a_closed_description_leaves() {
    let epoll = Epoll::new();
    let file = EventFd::new(1, false);
    let open = Open::new(5, file.clone());
    epoll.add(&open.watched(), IN, 1).unwrap();
    let kept = open.description.clone();
    drop(open);
    // A duplicate descriptor keeps the description, and so the interest.
    assert_eq!(wait(&epoll, 8).len(), 1);
    drop(kept);
    assert!(wait(&epoll, 8).is_empty());
    assert!(epoll.is_empty() && file.wait_queue().unwrap().is_empty());
    // Noticed by the notification too.
    let open = Open::new(5, file.clone());
    get(&*file, 8);
    epoll.add(&open.watched(), IN, 1).unwrap();
    drop(open);
    put(&*file, &1u64.to_le_bytes());
    assert!(epoll.is_empty() && file.wait_queue().unwrap().is_empty());
}

#[test]
fn closed_descriptions_do_not_pile_up() {
    let epoll = Epoll::new();
    let file = EventFd::new(0, false);
    for _ in 0..1000 {
        let open = Open::new(5, file.clone());
        epoll.add(&open.watched(), IN, 1).unwrap();
    }
    assert!(epoll.len() < 40);
}

#[test]
fn waiters_are_told() {
    let epoll = Epoll::new();
    let (r, _w, _, writer) = open_pipe();
    let count = Rc::new(Count(Cell::new(0)));
    epoll.wait_queue().unwrap().add(Events::IN, count.clone());
    epoll.add(&r.watched(), IN, 1).unwrap();
    assert_eq!(count.0.get(), 0);
    put(&*writer, b"x");
    assert_eq!(count.0.get(), 1);
    epoll.modify(&r.watched(), IN, 1).unwrap();
    assert_eq!(count.0.get(), 2);
}

#[test]
fn nests() {
    let (outer, inner) = (Epoll::new(), Epoll::new());
    let open_inner = Open::new(8, inner.clone());
    let (r, _w, _, writer) = open_pipe();
    outer.add(&open_inner.watched(), IN, 10).unwrap();
    inner.add(&r.watched(), IN, 20).unwrap();
    assert_eq!(outer.poll(), Events::NONE);
    put(&*writer, b"x");
    assert_eq!(wait(&outer, 8), [(IN, 10)]);
    assert_eq!(outer.poll(), Events::IN.or(Events::RDNORM));
    assert_eq!(wait(&inner, 8), [(IN, 20)]);
    get(&*r.file, 1);
    assert_eq!(outer.poll(), Events::NONE);
    assert!(wait(&outer, 8).is_empty());
}

#[test]
fn refuses_circles_and_long_chains() {
    let chain: Vec<Open> = (0..6).map(|fd| Open::new(fd, Epoll::new())).collect();
    let epoll = |i: usize| Epoll::of(&*chain[i].file).unwrap();
    assert_eq!(epoll(0).add(&chain[0].watched(), IN, 0), Err(Errno::EINVAL));
    for i in 0..4 {
        epoll(i).add(&chain[i + 1].watched(), IN, 0).unwrap();
    }
    assert_eq!(epoll(4).add(&chain[5].watched(), IN, 0), Err(Errno::ELOOP));
    assert_eq!(epoll(5).add(&chain[0].watched(), IN, 0), Err(Errno::ELOOP));
    assert_eq!(epoll(4).add(&chain[0].watched(), IN, 0), Err(Errno::ELOOP));
    epoll(0).delete(&chain[1].watched()).unwrap();
    epoll(4).add(&chain[5].watched(), IN, 0).unwrap();
}

#[test]
fn exclusive_rules() {
    let epoll = Epoll::new();
    let (r, _w, _, writer) = open_pipe();
    assert_eq!(epoll.add(&r.watched(), IN | EPOLLEXCLUSIVE | EPOLLONESHOT, 0), Err(Errno::EINVAL));
    let inner = Open::new(9, Epoll::new());
    assert_eq!(epoll.add(&inner.watched(), IN | EPOLLEXCLUSIVE, 0), Err(Errno::EINVAL));
    epoll.add(&r.watched(), IN | EPOLLEXCLUSIVE | EPOLLET, 0).unwrap();
    assert_eq!(epoll.modify(&r.watched(), IN, 0), Err(Errno::EINVAL));
    put(&*writer, b"x");
    assert_eq!(wait(&epoll, 8), [(IN, 0)]);
}

#[test]
fn files_without_a_queue_are_refused() {
    struct Plain;
    impl File for Plain {
        fn read(&self, _: u64, _: &mut dyn Sink, _: u32) -> Result<usize> {
            Ok(0)
        }
        fn write(&self, _: u64, _: &mut dyn Source, _: u32) -> Result<usize> {
            Ok(0)
        }
        fn stat(&self) -> Result<Stat> {
            Ok(Stat::default())
        }
        fn as_any(&self) -> &dyn Any {
            self
        }
    }
    let open = Open::new(1, Rc::new(Plain));
    assert_eq!(Epoll::new().add(&open.watched(), IN, 0), Err(Errno::EPERM));
}

#[test]
fn a_failed_delivery_keeps_the_event() {
    let epoll = Epoll::new();
    let (a, b) = (Open::new(1, EventFd::new(1, false)), Open::new(2, EventFd::new(1, false)));
    epoll.add(&a.watched(), IN | EPOLLET, 1).unwrap();
    epoll.add(&b.watched(), IN | EPOLLET, 2).unwrap();
    assert_eq!(epoll.wait(8, &mut |_, _| Err(Errno::EFAULT)), Err(Errno::EFAULT));
    let mut count = 0;
    let mut second_fails = |_, data| {
        count += 1;
        if data == 1 { Ok(()) } else { Err(Errno::EFAULT) }
    };
    assert_eq!(epoll.wait(8, &mut second_fails), Ok(1));
    assert_eq!(count, 2);
    assert_eq!(wait(&epoll, 8), [(IN, 2)]);
}

#[test]
fn closing_the_instance_ends_its_registrations() {
    let epoll = Epoll::new();
    let (r, _w, _, writer) = open_pipe();
    epoll.add(&r.watched(), IN, 1).unwrap();
    epoll.release();
    assert!(r.file.wait_queue().unwrap().is_empty());
    put(&*writer, b"x");
    assert!(wait(&epoll, 8).is_empty());
}
