//! The expected values were taken from Linux 6.18.

use super::*;
use crate::file::flags;
use crate::ipc::socket::{Control, ControlReader, ControlWriter};
use crate::user::{SliceSink, SliceSource, UserMemory};
use crate::wait::{Events, Wake};
use SocketType::{Datagram, SeqPacket, Stream};
use alloc::vec;
use core::any::Any;

const ME: Credentials = Credentials { pid: 7, uid: 8, gid: 9 };

fn domain() -> Rc<UnixDomain> {
    UnixDomain::new(Box::new(|| ME))
}

fn pair(kind: SocketType) -> (Rc<UnixSocket>, Rc<UnixSocket>) {
    UnixSocket::pair(&domain(), kind, Origin::default())
}

fn send(socket: &UnixSocket, bytes: &[u8]) -> Result<usize> {
    socket.write(0, &mut SliceSource(bytes), 0)
}

fn receive(socket: &UnixSocket, count: usize, flags: u32) -> Result<(Vec<u8>, Received)> {
    let mut bytes = vec![0; count];
    let received = socket.receive(&mut SliceSink::new(&mut bytes), flags | msg::DONTWAIT)?;
    bytes.truncate(received.count);
    Ok((bytes, received))
}

fn get(socket: &UnixSocket, count: usize) -> Result<Vec<u8>> {
    receive(socket, count, 0).map(|(bytes, _)| bytes)
}

fn poll(socket: &UnixSocket) -> u32 {
    socket.poll().0
}

fn send_rights(socket: &UnixSocket, bytes: &[u8], rights: Vec<Rc<dyn Any>>) -> Result<usize> {
    socket.send_to(&mut SliceSource(bytes), Outgoing { rights, ..Outgoing::default() }, None)
}

fn listener(domain: &Rc<UnixDomain>, kind: SocketType, backlog: i32) -> Rc<UnixSocket> {
    let socket = UnixSocket::new(domain, kind, Origin::default());
    socket.bind_abstract(b"name").unwrap();
    socket.listen(backlog).unwrap();
    socket
}

struct Memory(RefCell<[u8; 4]>);
impl UserMemory for Memory {
    fn read(&self, _: usize, _: &mut [u8]) -> Result<()> {
        Err(Errno::EFAULT)
    }
    fn write(&self, _: usize, from: &[u8]) -> Result<()> {
        self.0.borrow_mut().copy_from_slice(from);
        Ok(())
    }
}

fn ioctl(socket: &UnixSocket, request: u32) -> Result<i32> {
    let memory = Memory(RefCell::new([0; 4]));
    socket.ioctl(request, 1, &memory)?;
    let bytes = *memory.0.borrow();
    Ok(i32::from_le_bytes(bytes))
}

struct Count(Cell<u32>);
impl Wake for Count {
    fn wake(&self, _: Events) {
        self.0.set(self.0.get() + 1);
    }
}
fn counter(socket: &UnixSocket, mask: Events) -> Rc<Count> {
    let count = Rc::new(Count(Cell::new(0)));
    socket.queue.add(mask, count.clone());
    count
}

#[test]
fn unconnected() {
    for (kind, bits, error) in [
        (Stream, 0x314, Errno::EINVAL),
        (SeqPacket, 0x314, Errno::ENOTCONN),
        (Datagram, 0x304, Errno::EAGAIN),
    ] {
        let socket = UnixSocket::new(&domain(), kind, Origin::default());
        assert_eq!(poll(&socket), bits);
        assert_eq!(get(&socket, 5), Err(error));
        assert_eq!(send(&socket, b"x"), Err(Errno::ENOTCONN));
        assert_eq!(socket.peer_name(), Err(Errno::ENOTCONN));
        let refused = if kind == Datagram { Errno::EOPNOTSUPP } else { Errno::EINVAL };
        assert_eq!((socket.listen(1), socket.accept().err()), (Err(refused), Some(refused)));
        assert_eq!((socket.shutdown(2), socket.shutdown(3)), (Ok(()), Err(Errno::EINVAL)));
        assert_eq!(socket.name(), Address::Unnamed);
    }
}

#[test]
fn stream_bytes() {
    let (a, b) = pair(Stream);
    assert_eq!((poll(&a), get(&b, 5)), (0x304, Err(Errno::EAGAIN)));
    assert_eq!((send(&a, b""), poll(&b)), (Ok(0), 0x304));
    send(&a, b"hello").unwrap();
    send(&a, b"world").unwrap();
    assert_eq!((ioctl(&b, 0x541b), ioctl(&a, 0x5411)), (Ok(10), Ok(1536)));
    assert_eq!(receive(&b, 20, msg::PEEK).unwrap().0, b"helloworld");
    assert_eq!(get(&b, 3).unwrap(), b"hel");
    assert_eq!(ioctl(&b, 0x541b), Ok(7));
    assert_eq!(get(&b, 20).unwrap(), b"loworld");
    assert_eq!((ioctl(&a, 0x5411), ioctl(&a, 0x1234)), (Ok(0), Err(Errno::ENOTTY)));
}

#[test]
fn packets_keep_their_bounds() {
    for kind in [SeqPacket, Datagram] {
        let (a, b) = pair(kind);
        assert_eq!((send(&a, b""), poll(&b)), (Ok(0), 0x345));
        assert_eq!(get(&b, 5).unwrap(), b"");
        send(&a, b"hello").unwrap();
        send(&a, b"world").unwrap();
        assert_eq!(ioctl(&b, 0x541b), Ok(if kind == Datagram { 5 } else { 10 }));
        assert_eq!(receive(&b, 20, msg::PEEK).unwrap().0, b"hello");
        let mut bytes = [0; 3];
        let received = b.receive(&mut SliceSink::new(&mut bytes), msg::TRUNC).unwrap();
        assert_eq!((bytes, received.count, received.flags), (*b"hel", 5, msg::TRUNC));
        assert_eq!(receive(&b, 20, 0).unwrap().1.flags, 0);
        assert_eq!(get(&b, 20), Err(Errno::EAGAIN));
        assert_eq!(send(&a, &vec![0; 212_992 - 31]), Err(Errno::EMSGSIZE));
        assert_eq!(send(&a, &vec![0; 212_992 - 32]), Ok(212_960));
    }
}

#[test]
fn send_buffers_hold_what_linux_holds() {
    for (kind, size, count) in [
        (Stream, 1, 278),
        (Stream, 100, 278),
        (Stream, 1000, 93),
        (Stream, 4000, 44),
        (Stream, 8000, 24),
        (Datagram, 1, 278),
        (Datagram, 1000, 93),
        (Datagram, 4000, 26),
        (Datagram, 8000, 13),
        (Datagram, 60000, 4),
        (Datagram, 200_000, 2),
    ] {
        let (a, b) = pair(kind);
        let bytes = vec![0; size];
        assert_eq!((0..999).take_while(|_| send(&a, &bytes).is_ok()).count(), count, "{kind:?} {size}");
        assert_eq!(send(&a, &bytes), Err(Errno::EAGAIN));
        assert_eq!(poll(&a), 0);
        let woken = counter(&a, Events::OUT);
        while get(&b, size).is_ok() {}
        assert_eq!((poll(&a), a.charged.get()), (0x304, 0));
        assert!(woken.0.get() > 0);
    }
    let (a, b) = pair(Stream);
    let sent = send(&a, &vec![5; 1_000_000]).unwrap();
    assert!((212_992..300_000).contains(&sent), "{sent}");
    assert_eq!(get(&b, 1_000_000).unwrap(), vec![5; sent]);
}

#[test]
fn peer_closes_with_unread_data() {
    let (a, b) = pair(Stream);
    send(&a, b"unread").unwrap();
    b.release();
    assert_eq!((poll(&a), send(&a, b"x")), (0x235d, Err(Errno::EPIPE)));
    assert_eq!((get(&a, 5), get(&a, 5)), (Err(Errno::ECONNRESET), Ok(vec![])));
    assert_eq!((poll(&a), a.peer_name()), (0x2355, Ok(Address::Unnamed)));
    let (a, b) = pair(SeqPacket);
    send(&a, b"unread").unwrap();
    b.release();
    assert_eq!((poll(&a), send(&a, b"x")), (0x235d, Err(Errno::ECONNRESET)));
    assert_eq!((get(&a, 5), send(&a, b"x")), (Ok(vec![]), Err(Errno::EPIPE)));
    let (a, b) = pair(Datagram);
    send(&a, b"unread").unwrap();
    b.release();
    assert_eq!((poll(&a), send(&a, b"x"), get(&a, 5)), (0x304, Err(Errno::ECONNREFUSED), Err(Errno::EAGAIN)));
    assert_eq!((send(&a, b"x"), a.peer_name()), (Err(Errno::ENOTCONN), Err(Errno::ENOTCONN)));
}

#[test]
fn data_sent_before_closing_arrive() {
    for (kind, bits, end) in [(Stream, 0x2355, Ok(vec![])), (SeqPacket, 0x2355, Ok(vec![]))] {
        let (a, b) = pair(kind);
        let woken = counter(&a, Events::IN);
        send(&b, b"last").unwrap();
        drop(b);
        assert_eq!((poll(&a), woken.0.get()), (bits, 2));
        assert_eq!((get(&a, 9), get(&a, 9)), (Ok(b"last".to_vec()), end));
        assert_eq!(send(&a, b"x"), Err(Errno::EPIPE));
    }
    assert!(pair(Stream).0.signals_broken_pipe() && !pair(SeqPacket).0.signals_broken_pipe());
}

#[test]
fn shutdown_sides() {
    for kind in [Stream, SeqPacket] {
        let (a, b) = pair(kind);
        a.shutdown(1).unwrap();
        assert_eq!((poll(&a), poll(&b)), (0x304, 0x2345));
        assert_eq!((get(&b, 5), send(&a, b"x")), (Ok(vec![]), Err(Errno::EPIPE)));
        assert_eq!((send(&b, b"y"), get(&a, 5)), (Ok(1), Ok(b"y".to_vec())));
        a.shutdown(0).unwrap();
        assert_eq!((poll(&a), poll(&b)), (0x2355, 0x2355));
        assert_eq!((send(&b, b"y"), get(&a, 5)), (Err(Errno::EPIPE), Ok(vec![])));
    }
    let (a, b) = pair(Datagram);
    a.shutdown(1).unwrap();
    assert_eq!((poll(&a), poll(&b), send(&a, b"x")), (0x304, 0x304, Err(Errno::EPIPE)));
    a.shutdown(0).unwrap();
    assert_eq!((poll(&a), poll(&b), send(&b, b"x")), (0x2355, 0x304, Err(Errno::EPIPE)));
    assert_eq!(get(&a, 4), Err(Errno::EAGAIN));
    assert_eq!(a.read(0, &mut SliceSink::new(&mut [0; 4]), 0), Ok(0));
    assert_eq!(a.read(0, &mut SliceSink::new(&mut [0; 4]), flags::O_NONBLOCK), Err(Errno::EAGAIN));
}

#[test]
fn a_deep_chain_of_sockets_in_messages_is_dropped_without_recursion() {
    let domain = domain();
    let (first, mut inner) = UnixSocket::pair(&domain, Stream, Origin::default());
    for _ in 0..200_000 {
        let (a, b) = UnixSocket::pair(&domain, Stream, Origin::default());
        send_rights(&a, b"x", vec![inner]).unwrap();
        inner = b;
    }
    assert_eq!(get(&first, 1), Err(Errno::EAGAIN));
    drop(inner);
    assert_eq!(get(&first, 1), Ok(vec![]));
}

#[test]
fn rights_end_a_stream_read() {
    let (a, b) = pair(Stream);
    let thing: Rc<dyn Any> = Rc::new(42u8);
    send(&a, b"a").unwrap();
    send_rights(&a, b"b", vec![thing.clone()]).unwrap();
    send(&a, b"c").unwrap();
    send_rights(&a, b"d", vec![thing.clone(), thing.clone()]).unwrap();
    send(&a, b"e").unwrap();
    let (bytes, received) = receive(&b, 9, msg::PEEK).unwrap();
    assert_eq!((bytes, received.rights.len()), (b"ab".to_vec(), 1));
    drop(received);
    let (bytes, received) = receive(&b, 9, 0).unwrap();
    assert_eq!((bytes, received.rights.len()), (b"ab".to_vec(), 1));
    assert!(Rc::ptr_eq(&received.rights[0], &thing));
    assert_eq!(receive(&b, 9, 0).unwrap().1.rights.len(), 2);
    assert_eq!(get(&b, 9).unwrap(), b"e");
    drop(received);
    send_rights(&a, b"x", vec![thing.clone()]).unwrap();
    assert_eq!(Rc::strong_count(&thing), 2);
    b.release();
    assert_eq!(Rc::strong_count(&thing), 1);
    assert_eq!(send_rights(&a, b"x", vec![thing; 254]), Err(Errno::EINVAL));
}

#[test]
fn a_description_that_dies_in_a_message_may_close_its_own_carrier() {
    struct Closes(Rc<UnixSocket>);
    impl Drop for Closes {
        fn drop(&mut self) {
            self.0.release();
        }
    }
    for kind in [Stream, Datagram] {
        let (a, b) = pair(kind);
        send_rights(&a, b"x", vec![Rc::new(Closes(a.clone())), Rc::new(Closes(b.clone()))]).unwrap();
        b.release();
        assert!(a.dead.get());
        let (a, b) = pair(kind);
        send_rights(&a, b"x", vec![Rc::new(Closes(a.clone())), Rc::new(Closes(b.clone()))]).unwrap();
        b.read(0, &mut SliceSink::new(&mut [0; 4]), 0).unwrap();
        assert!(a.dead.get() && b.dead.get());
    }
}

#[test]
fn credentials() {
    let (a, b) = pair(Stream);
    assert_eq!(a.option(1, 17).unwrap(), ME.encode());
    send(&a, b"1").unwrap();
    assert_eq!(receive(&b, 1, 0).unwrap().1.credentials, None);
    b.set_option(1, 16, &1i32.to_le_bytes(), false).unwrap();
    let other = Credentials { pid: 1, uid: 2, gid: 3 };
    send(&a, b"1").unwrap();
    let claimed = Outgoing { credentials: Some(other), ..Outgoing::default() };
    a.send_to(&mut SliceSource(b"2"), claimed, None).unwrap();
    let (bytes, received) = receive(&b, 9, 0).unwrap();
    assert_eq!((bytes, received.credentials), (b"1".to_vec(), Some(ME)));
    assert_eq!(receive(&b, 9, 0).unwrap().1.credentials, Some(other));
    assert_eq!(Credentials::decode(&other.encode()), other);
}

#[test]
fn listens_and_accepts() {
    for kind in [Stream, SeqPacket] {
        let domain = domain();
        let server = UnixSocket::new(&domain, kind, Origin::default());
        server.bind_abstract(b"name").unwrap();
        let client = || UnixSocket::new(&domain, kind, Origin::default());
        assert_eq!(client().connect(&domain.find(kind, b"name").unwrap()), Err(Errno::ECONNREFUSED));
        server.listen(1).unwrap();
        assert_eq!((server.accept().err(), poll(&server)), (Some(Errno::EAGAIN), 0));
        let woken = counter(&server, Events::IN);
        let (first, second, third) = (client(), client(), client());
        first.connect(&domain.find(kind, b"name").unwrap()).unwrap();
        second.connect(&server).unwrap();
        assert_eq!((third.connect(&server), poll(&third)), (Err(Errno::EAGAIN), 0x314));
        assert_eq!((woken.0.get(), poll(&server)), (2, 0x41));
        assert_eq!(
            (ioctl(&server, 0x541b), server.option(1, 30)),
            (Err(Errno::EINVAL), Ok(vec![1, 0, 0, 0]))
        );
        assert_eq!(send(&first, b"early"), Ok(5));
        assert_eq!(first.peer_name(), Ok(Address::Abstract(b"name".to_vec())));
        assert_eq!(first.peer_credentials(), ME);
        let room = counter(&third, Events::OUT);
        let accepted = server.accept().unwrap();
        assert_eq!(room.0.get(), 1);
        assert_eq!(first.connect(&server), Err(Errno::EISCONN));
        assert_eq!(accepted.name(), Address::Abstract(b"name".to_vec()));
        assert_eq!((accepted.peer_name(), get(&accepted, 9)), (Ok(Address::Unnamed), Ok(b"early".to_vec())));
        third.connect(&server).unwrap();
        server.release();
        assert_eq!(domain.find(kind, b"name").err(), Some(Errno::ECONNREFUSED));
        assert_eq!(poll(&second), 0x235d);
        assert_eq!((get(&second, 5), get(&second, 5)), (Err(Errno::ECONNRESET), Ok(vec![])));
        assert_eq!(send(&first, b"x"), Ok(1));
        assert_eq!(client().connect(&server), Err(Errno::ECONNREFUSED));
    }
}

#[test]
fn listener_shut_down() {
    let domain = domain();
    let server = listener(&domain, Stream, 5);
    server.shutdown(0).unwrap();
    assert_eq!(server.accept().err(), Some(Errno::EINVAL));
    let client = UnixSocket::new(&domain, Stream, Origin::default());
    assert_eq!(client.connect(&server), Err(Errno::ECONNREFUSED));
    let wrong = UnixSocket::new(&domain, SeqPacket, Origin::default());
    assert_eq!(wrong.connect(&server), Err(Errno::EPROTOTYPE));
    assert_eq!(server.connect(&server), Err(Errno::ECONNREFUSED));
}

#[test]
fn names_are_unique_and_given_automatically() {
    let domain = domain();
    let socket = || UnixSocket::new(&domain, Datagram, Origin::default());
    let (a, b, c) = (socket(), socket(), socket());
    a.bind_abstract(b"x").unwrap();
    assert_eq!((a.bind_abstract(b"y"), a.check_unbound()), (Err(Errno::EINVAL), Err(Errno::EINVAL)));
    assert_eq!(b.bind_abstract(b"x"), Err(Errno::EADDRINUSE));
    b.bind_automatically().unwrap();
    assert_eq!(b.name(), Address::Abstract(b"00000".to_vec()));
    a.release();
    c.bind_abstract(b"x").unwrap();
    a.release();
    assert!(domain.find(Datagram, b"x").is_ok());
    let d = socket();
    d.bound_to_path(b"/run/s").unwrap();
    assert_eq!(d.name().encode(), b"\x01\0/run/s\0");
}

#[test]
fn datagrams_to_addresses() {
    let domain = domain();
    let socket = || UnixSocket::new(&domain, Datagram, Origin::default());
    let (server, client, third) = (socket(), socket(), socket());
    server.bind_abstract(b"server").unwrap();
    third.bind_abstract(b"third").unwrap();
    client.connect(&server).unwrap();
    assert_eq!((0..99).take_while(|_| send(&client, b"x").is_ok()).count(), 11);
    assert_eq!((poll(&client), send(&client, b"x")), (0, Err(Errno::EAGAIN)));
    let woken = counter(&client, Events::OUT);
    get(&server, 1).unwrap();
    assert_eq!((poll(&client), woken.0.get() > 0), (0x304, true));
    let send_to = |from: &UnixSocket, bytes: &[u8], to: &Rc<UnixSocket>| {
        from.send_to(&mut SliceSource(bytes), Outgoing::default(), Some(to.clone()))
    };
    assert_eq!(send_to(&server, b"x", &server), Ok(1));
    third.connect(&server).unwrap();
    assert_eq!(send_to(&client, b"x", &third), Err(Errno::EPERM));
    assert_eq!(client.connect(&third), Err(Errno::EPERM));
    while get(&server, 1).is_ok() {}
    third.send_to(&mut SliceSource(b"y"), Outgoing::default(), None).unwrap();
    let (_, received) = receive(&server, 9, 0).unwrap();
    assert_eq!(received.address, Address::Abstract(b"third".to_vec()).encode());
    // Answering by address works; a connected peer that hears of a disconnection is told.
    assert_eq!(send_to(&server, b"z", &third), Ok(1));
    third.connect_unspecified().unwrap();
    assert_eq!((send(&third, b"x"), get(&third, 1)), (Err(Errno::ENOTCONN), Err(Errno::EAGAIN)));
    server.release();
    assert_eq!(send_to(&client, b"x", &server), Err(Errno::ECONNREFUSED));
}

#[test]
fn options() {
    let (a, _b) = pair(Stream);
    let int = |value: i32| value.to_le_bytes().to_vec();
    assert_eq!((a.option(1, 3), a.option(1, 39), a.option(1, 38)), (Ok(int(1)), Ok(int(1)), Ok(int(0))));
    assert_eq!((a.option(1, 7), a.option(1, 8)), (Ok(int(212_992)), Ok(int(212_992))));
    a.set_option(1, 7, &int(1), false).unwrap();
    a.set_option(1, 8, &int(10_000), false).unwrap();
    assert_eq!((a.option(1, 7), a.option(1, 8)), (Ok(int(4608)), Ok(int(20_000))));
    assert_eq!(a.set_option(1, 32, &int(1), false), Err(Errno::EPERM));
    assert_eq!((a.option(6, 1), a.option(1, 999)), (Err(Errno::EOPNOTSUPP), Err(Errno::ENOPROTOOPT)));
    assert_eq!(a.set_option(1, 3, &int(1), true), Err(Errno::ENOPROTOOPT));
    assert_eq!(a.set_option(1, 16, &[1], true), Err(Errno::EINVAL));
    let time = [2u64.to_le_bytes(), 500_000u64.to_le_bytes()].concat();
    a.set_option(1, 20, &time, false).unwrap();
    assert_eq!((a.options().receive_timeout.get(), a.option(1, 20)), (2_500_000_000, Ok(time)));
    a.set_option(1, 2, &int(1), false).unwrap();
    assert_eq!(a.option(1, 2), Ok(int(1)));
    a.error.set(Some(Errno::ECONNRESET));
    assert_eq!((a.option(1, 4), a.option(1, 4)), (Ok(int(104)), Ok(int(0))));
}

#[test]
fn addresses() {
    assert_eq!(Address::decode(b"\x01\0"), Ok(Address::Unnamed));
    assert_eq!(Address::decode(b"\x01\0/a\0junk"), Ok(Address::Path(b"/a".to_vec())));
    assert_eq!(Address::decode(b"\x01\0\0a\0b"), Ok(Address::Abstract(b"a\0b".to_vec())));
    assert_eq!(Address::decode(b"\x02\0/a"), Err(Errno::EINVAL));
    assert_eq!(
        (Address::decode(b"\x01"), Address::decode(&[1; 111])),
        (Err(Errno::EINVAL), Err(Errno::EINVAL))
    );
    assert_eq!(Address::Abstract(b"ab".to_vec()).encode(), b"\x01\0\0ab");
}

#[test]
fn control_messages() {
    let mut writer = ControlWriter::new(100);
    writer.credentials(ME);
    assert_eq!(writer.room_for_rights(), 13);
    writer.rights(&[5, 6, 7], 3);
    let (bytes, truncated) = writer.finish();
    assert_eq!((bytes.len(), truncated), (64, false));
    let all: Result<Vec<Control>> = ControlReader(&bytes).collect();
    assert_eq!(all.unwrap(), [Control::Credentials(ME), Control::Rights(vec![5, 6, 7])]);
    let mut writer = ControlWriter::new(20);
    assert_eq!(writer.room_for_rights(), 1);
    writer.rights(&[5], 2);
    assert!(writer.finish().1);
    let mut writer = ControlWriter::new(0);
    writer.rights(&[], 1);
    assert_eq!(writer.finish(), (vec![], true));
    let mut bad = bytes.clone();
    bad[0] = 200;
    assert_eq!(ControlReader(&bad).next(), Some(Err(Errno::EINVAL)));
    bad[0] = 3;
    assert_eq!(ControlReader(&bad).next(), Some(Err(Errno::EINVAL)));
    bad[..8].fill(0xff);
    assert_eq!(ControlReader(&bad).next(), Some(Err(Errno::EINVAL)));
}
