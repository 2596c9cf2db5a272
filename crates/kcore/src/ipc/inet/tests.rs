//! The expected values were taken from Linux 6.18; the programs of `tests/guests/inet` compare more of them.

use super::*;
use crate::file::flags::O_NONBLOCK;
use crate::ipc::socket::{Nobody, Outgoing, Socket, msg, name};
use crate::user::{SliceSink, SliceSource};
use crate::wait::{Events, Wake};
use alloc::vec::Vec;
use core::cell::Cell;

struct Clock(Rc<Cell<u64>>);

fn domain() -> (Rc<Inet>, Clock) {
    let now = Rc::new(Cell::new(0));
    let shown = now.clone();
    (Inet::new(Box::new(move || shown.get())), Clock(now))
}

fn tcp(domain: &Rc<Inet>) -> Rc<TcpSocket> {
    TcpSocket::new(domain, false, Origin::default())
}

fn udp(domain: &Rc<Inet>) -> Rc<UdpSocket> {
    UdpSocket::new(domain, false, Origin::default())
}

fn at(port: u16) -> Vec<u8> {
    Endpoint { ip: Ip::LOOPBACK4, port }.encode(false)
}

fn port(socket: &dyn Socket) -> u16 {
    address::decode4(&socket.name().unwrap()).port
}

fn listener(domain: &Rc<Inet>, backlog: i32) -> Rc<TcpSocket> {
    let socket = tcp(domain);
    socket.bind(&at(0), &Nobody).unwrap();
    socket.listen(backlog, &Nobody).unwrap();
    socket
}

fn connect(socket: &dyn Socket, port: u16, flags: u32) -> Result<()> {
    socket.connect(&at(port), flags, &Nobody)
}

fn send(socket: &dyn Socket, bytes: &[u8], flags: u32) -> Result<usize> {
    socket.send(&mut SliceSource(bytes), Outgoing { flags, ..Outgoing::default() }, &Nobody)
}

fn receive(socket: &dyn Socket, count: usize, flags: u32) -> Result<Vec<u8>> {
    let mut bytes = alloc::vec![0; count];
    let received = socket.receive(&mut SliceSink::new(&mut bytes), flags | msg::DONTWAIT, 0)?;
    bytes.truncate(received.count);
    Ok(bytes)
}

fn pair(domain: &Rc<Inet>) -> (Rc<TcpSocket>, Rc<dyn File>) {
    let (server, client) = (listener(domain, 1), tcp(domain));
    connect(&*client, port(&*server), 0).unwrap();
    let accepted = Socket::accept(&*server, 0).unwrap();
    (client, accepted)
}

fn other(file: &Rc<dyn File>) -> &dyn Socket {
    file.socket().unwrap()
}

fn set(socket: &dyn Socket, option: i32, value: i32) {
    socket.set_option(1, option, &value.to_le_bytes(), &Nobody).unwrap();
}

struct Count(Cell<u32>);
impl Wake for Count {
    fn wake(&self, _: Events) {
        self.0.set(self.0.get() + 1);
    }
}

fn counter(file: &dyn File, mask: Events) -> Rc<Count> {
    let count = Rc::new(Count(Cell::new(0)));
    file.wait_queue().unwrap().add(mask, count.clone());
    count
}

#[test]
fn connects_and_carries_bytes() {
    let (domain, _) = domain();
    let server = listener(&domain, 1);
    let told = counter(&*server, Events::IN);
    let client = tcp(&domain);
    assert_eq!(client.poll().0, 0x114);
    assert_eq!(connect(&*client, port(&*server), O_NONBLOCK), Err(Errno::EINPROGRESS));
    assert_eq!((told.0.get(), server.poll().0, client.poll().0), (1, 0x41, 0x104));
    assert_eq!(connect(&*client, port(&*server), O_NONBLOCK), Ok(()));
    assert_eq!(connect(&*client, port(&*server), 0), Err(Errno::EISCONN));
    let accepted = Socket::accept(&*server, 0).unwrap();
    assert_eq!(other(&accepted).peer_name().unwrap(), client.name().unwrap());
    let woken = counter(&*accepted, Events::IN);
    assert_eq!((send(&*client, b"hello", 0), woken.0.get()), (Ok(5), 1));
    assert_eq!(receive(other(&accepted), 2, msg::PEEK).unwrap(), b"he");
    assert_eq!(receive(other(&accepted), 9, 0).unwrap(), b"hello");
    assert_eq!(receive(other(&accepted), 9, 0), Err(Errno::EAGAIN));
    drop(client);
    assert_eq!((accepted.poll().0, receive(other(&accepted), 9, 0)), (0x2145, Ok(Vec::new())));
}

#[test]
fn a_full_listener_lets_clients_wait() {
    let (domain, _) = domain();
    let server = listener(&domain, 0);
    let clients: Vec<_> = (0..3).map(|_| tcp(&domain)).collect();
    assert_eq!(connect(&*clients[0], port(&*server), 0), Ok(()));
    assert_eq!(connect(&*clients[1], port(&*server), 0), Err(Errno::EAGAIN));
    assert_eq!(connect(&*clients[2], port(&*server), O_NONBLOCK), Err(Errno::EINPROGRESS));
    assert_eq!(connect(&*clients[2], port(&*server), O_NONBLOCK), Err(Errno::EALREADY));
    assert_eq!((send(&*clients[2], b"x", 0), clients[2].poll().0), (Err(Errno::EAGAIN), 0));
    let woken = counter(&*clients[1], Events::OUT);
    drop(Socket::accept(&*server, 0).unwrap());
    assert_eq!((woken.0.get(), connect(&*clients[1], port(&*server), 0)), (1, Ok(())));
    server.release();
    assert_eq!(connect(&*clients[2], 1, 0), Err(Errno::ECONNREFUSED));
    assert_eq!(receive(&*clients[1], 1, 0), Err(Errno::ECONNRESET));
}

#[test]
fn a_full_connection_takes_no_more() {
    let (domain, _) = domain();
    let (client, server) = pair(&domain);
    set(&*client, name::SNDBUF, 10_000);
    let mut sent = 0;
    while let Ok(n) = send(&*client, &[7; 5000], 0) {
        sent += n;
    }
    assert_eq!((sent, client.poll().0 & 4), (20_000 + 65_536, 0));
    let woken = counter(&*client, Events::OUT);
    receive(other(&server), 1000, 0).unwrap();
    assert_eq!((woken.0.get(), client.poll().0 & 4), (0, 0));
    while let Ok(bytes) = receive(other(&server), 10_000, 0) {
        sent -= bytes.len();
        assert!(bytes.iter().all(|&byte| byte == 7));
    }
    assert_eq!((sent, woken.0.get()), (1000, 1));
}

#[test]
fn resets_and_half_closes() {
    let (domain, _) = domain();
    let (client, server) = pair(&domain);
    send(&*client, b"unread", 0).unwrap();
    server.release();
    assert_eq!(client.poll().0, 0x215d);
    assert_eq!(send(&*client, b"x", 0), Err(Errno::ECONNRESET));
    assert_eq!(send(&*client, b"x", 0), Err(Errno::EPIPE));
    let (client, server) = pair(&domain);
    Socket::shutdown(&*client, 1).unwrap();
    assert_eq!((client.poll().0, server.poll().0), (0x104, 0x2145));
    assert_eq!(send(other(&server), b"back", 0), Ok(4));
    Socket::shutdown(other(&server), 1).unwrap();
    assert_eq!((client.poll().0, server.poll().0), (0x2155, 0x2155));
    assert_eq!(
        (receive(&*client, 9, 0).unwrap(), client.peer_name()),
        (b"back".to_vec(), Err(Errno::ENOTCONN))
    );
}

#[test]
fn an_ended_connection_keeps_its_port() {
    let (domain, clock) = domain();
    let server = listener(&domain, 1);
    let number = port(&*server);
    let client = tcp(&domain);
    connect(&*client, number, 0).unwrap();
    drop(Socket::accept(&*server, 0).unwrap());
    drop((server, client));
    let bind = |reuse| {
        let socket = tcp(&domain);
        set(&*socket, name::REUSEADDR, reuse);
        socket.bind(&at(number), &Nobody)
    };
    assert_eq!((bind(0), bind(1)), (Err(Errno::EADDRINUSE), Err(Errno::EADDRINUSE)));
    clock.0.set(60_000_000_000);
    assert_eq!(bind(0), Ok(()));
    assert!(domain.tcp_table(false).lines().count() == 1 && domain.udp_table(true).contains("sl"));
}

#[test]
fn ports_run_out_and_come_back() {
    let (domain, _) = domain();
    let mut sockets = Vec::new();
    let error = loop {
        let socket = udp(&domain);
        match socket.bind(&at(0), &Nobody) {
            Ok(()) => sockets.push(socket),
            Err(error) => break error,
        }
    };
    assert_eq!((error, sockets.len()), (Errno::EADDRINUSE, ports::EPHEMERAL.count()));
    assert_eq!(send(&*udp(&domain), b"x", 0), Err(Errno::EAGAIN));
    sockets.truncate(10);
    assert_eq!(udp(&domain).bind(&at(0), &Nobody), Ok(()));
}

#[test]
fn a_connection_does_not_meet_itself_twice() {
    let (domain, _) = domain();
    let server = listener(&domain, 9);
    let first = tcp(&domain);
    set(&*first, name::REUSEADDR, 1);
    first.bind(&at(40_000), &Nobody).unwrap();
    connect(&*first, port(&*server), 0).unwrap();
    let second = tcp(&domain);
    set(&*second, name::REUSEADDR, 1);
    second.bind(&at(40_000), &Nobody).unwrap();
    assert_eq!(connect(&*second, port(&*server), 0), Err(Errno::EADDRNOTAVAIL));
}

#[test]
fn datagrams_find_the_closest_socket() {
    let (domain, _) = domain();
    let (wide, near) = (udp(&domain), udp(&domain));
    set(&*wide, name::REUSEADDR, 1);
    set(&*near, name::REUSEADDR, 1);
    wide.bind(&Endpoint { ip: Ip::ANY4, port: 5000 }.encode(false), &Nobody).unwrap();
    near.bind(&at(5000), &Nobody).unwrap();
    let sender = udp(&domain);
    connect(&*sender, 5000, 0).unwrap();
    assert_eq!(send(&*sender, b"near", 0), Ok(4));
    assert_eq!(
        (receive(&*near, 9, 0).unwrap(), receive(&*wide, 9, 0)),
        (b"near".to_vec(), Err(Errno::EAGAIN))
    );
    near.release();
    send(&*sender, b"wide", 0).unwrap();
    assert_eq!(receive(&*wide, 9, 0).unwrap(), b"wide");
    wide.release();
    assert_eq!(send(&*sender, b"x", 0), Ok(1));
    assert_eq!((sender.poll().0 & 8, send(&*sender, b"x", 0)), (8, Err(Errno::ECONNREFUSED)));
    assert_eq!(connect(&*sender, 0, 0), Ok(()));
    let far = Endpoint { ip: Ip::v4(0x0808_0808), port: 53 }.encode(false);
    assert_eq!(sender.connect(&far, 0, &Nobody), Err(Errno::ENETUNREACH));
    let mut low = at(80);
    assert_eq!(udp(&domain).bind(&low, &Nobody), Err(Errno::EACCES));
    low.truncate(15);
    assert_eq!(udp(&domain).bind(&low, &Nobody), Err(Errno::EINVAL));
}

#[test]
fn all_moves_to_another_kernel() {
    let (here, _) = domain();
    let (client, server) = pair(&here);
    let listening = listener(&here, 4);
    let embryo = tcp(&here);
    connect(&*embryo, port(&*listening), 0).unwrap();
    send(&*embryo, b"early", 0).unwrap();
    send(&*client, b"unread", msg::OOB).unwrap();
    set(&*client, name::KEEPALIVE, 1);
    let datagrams = udp(&here);
    datagrams.bind(&at(0), &Nobody).unwrap();
    let speaker = udp(&here);
    connect(&*speaker, port(&*datagrams), 0).unwrap();
    send(&*speaker, b"datagram", 0).unwrap();
    let files: Vec<Rc<dyn File>> =
        [client.clone() as Rc<dyn File>, server, listening.clone(), embryo, datagrams, speaker].into();
    let open: Vec<_> = files.iter().map(|file| transfer::AnySocket::of(file).unwrap()).collect();
    let count = open.len();
    let export = transfer::Export::of(open);
    let (there, _) = domain();
    let state = export.state(count);
    let import = there.import(&state).unwrap();
    assert_eq!((import.sockets.len(), import.open), (7, 6));
    for n in 0..import.sockets.len() {
        while let Some(piece) = export.piece(n) {
            transfer::append(&import.sockets, &piece).unwrap();
        }
    }
    export.finish();
    let number = port(&*listening);
    drop((files, client, listening));
    assert_eq!(here.tcp.borrow().all().count(), 0);
    let moved: Vec<Rc<dyn File>> = import.sockets[..6].iter().map(transfer::AnySocket::file).collect();
    drop(import);
    assert_eq!(moved[1].poll().0 & 2, 2);
    assert_eq!(receive(other(&moved[1]), 9, 0).unwrap(), b"unrea");
    assert_eq!(receive(other(&moved[1]), 9, msg::OOB).unwrap(), b"d");
    assert_eq!(send(other(&moved[1]), b"back", 0), Ok(4));
    assert_eq!(receive(other(&moved[0]), 9, 0).unwrap(), b"back");
    assert_eq!(other(&moved[0]).option(1, name::KEEPALIVE, 4).unwrap(), [1, 0, 0, 0]);
    let accepted = other(&moved[2]).accept(0).unwrap();
    assert_eq!(receive(other(&accepted), 9, 0).unwrap(), b"early");
    assert_eq!(receive(other(&moved[4]), 9, 0).unwrap(), b"datagram");
    assert_eq!(tcp(&there).bind(&at(number), &Nobody), Err(Errno::EADDRINUSE));
    assert_eq!(connect(&*tcp(&there), number, 0), Ok(()));
    // Whatever is sent, nothing breaks.
    for cut in 0..state.len() {
        let mut bad = state.clone();
        bad[cut] ^= 0x5a;
        let _ = there.import(&bad);
        let _ = there.import(&state[..cut]);
    }
}
