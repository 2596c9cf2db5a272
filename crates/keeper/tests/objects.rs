//! Objects that processes share, as two VMs see them.

mod common;

use common::{Answer, Harness, numbers};
use ramet_abi::session::{Request, notice, op, socket, tree};
use ramet_keeper::{ClientId, objects};

const EAGAIN: i64 = -11;
const O_NONBLOCK: u32 = 0o4000;

fn on(operation: u32, id: u64, arguments: &[u64]) -> Request {
    Request { id, ..numbers(operation, arguments) }
}

fn call(number: u32, id: u64, arguments: &[u64]) -> Request {
    Request { flags: number, ..on(op::SOCKET_CALL, id, arguments) }
}

fn read(h: &mut Harness, vm: ClientId, id: u64, wanted: u64) -> Answer {
    h.ask(vm, Request { wanted, ..on(op::READ, id, &[]) }, b"")
}

fn write(h: &mut Harness, vm: ClientId, id: u64, bytes: &[u8]) -> i64 {
    h.ask(vm, on(op::WRITE, id, &[0, u64::MAX]), bytes).result
}

fn release(h: &mut Harness, vm: ClientId, id: u64) {
    let request = Request { flags: 1, ..numbers(op::RELEASE, &[]) };
    assert_eq!(h.ask(vm, request, &id.to_le_bytes()).result, 0);
}

#[test]
fn an_eventfd_is_shared_and_watched_through_epoll() {
    let mut h = Harness::new();
    let first = h.first;
    let event = h.ask(first, numbers(op::EVENTFD, &[5_000_000_000]), b"").result as u64;
    let epoll = h.call(first, op::EPOLL, &[]) as u64;
    let add = Request { other: event, ..on(op::EPOLL_CTL, epoll, &[1, 1, 0xabcd, 7]) };
    assert_eq!(h.ask(first, add, b"").result, 0);
    assert_eq!(h.ask(first, add, b"").result, -17);
    let child = h.fork(first).unwrap();
    let wait = Request { wanted: 120, ..on(op::EPOLL_WAIT, epoll, &[10]) };
    let answer = h.ask(child, wait, b"");
    assert_eq!(answer.result, 1);
    assert_eq!(answer.data, [&1u32.to_le_bytes()[..], &0xabcdu64.to_le_bytes()[..]].concat());
    assert_eq!(read(&mut h, child, event, 8).data, 5_000_000_000u64.to_le_bytes());
    assert_eq!(read(&mut h, first, event, 8).result, EAGAIN);
    assert_eq!(h.ask(first, wait, b"").result, 0);
    assert_eq!(h.ask(child, on(op::WATCH, epoll, &[1]), b"").result, 0);
    assert_eq!(write(&mut h, first, event, &1u64.to_le_bytes()), 8);
    let notes = h.notices(child);
    assert_eq!((notes[0].kind, notes[0].id), (notice::READY, epoll));
    // Closed by one holder, it is still watched for the other; closed by both it is gone.
    release(&mut h, first, event);
    assert_eq!(h.ask(first, wait, b"").result, 1);
    release(&mut h, child, event);
    assert_eq!(h.ask(first, wait, b"").result, 0);
}

#[test]
fn a_timer_expires_for_all() {
    let mut h = Harness::new();
    let first = h.first;
    let timer = h.call(first, op::TIMERFD, &[1]) as u64;
    let child = h.fork(first).unwrap();
    assert_eq!(objects::deadline(&h.session), None);
    assert_eq!(h.ask(first, on(op::WATCH, timer, &[1]), b"").result, 0);
    assert_eq!(h.ask(child, on(op::TIMERFD_SET, timer, &[0, 2_000_000]), b"").result, 0);
    assert_eq!(read(&mut h, child, timer, 8).result, EAGAIN);
    assert!(objects::deadline(&h.session).is_some());
    std::thread::sleep(std::time::Duration::from_millis(3));
    objects::expire(&mut h.session);
    h.session.flush();
    assert_eq!(h.notices(first).len(), 1);
    assert_eq!(read(&mut h, first, timer, 8).data, 1u64.to_le_bytes());
    assert_eq!(objects::deadline(&h.session), None);
    assert_eq!(h.ask(child, on(op::TIMERFD_SET, timer, &[7, 1 << 40]), b"").result, 0);
    let asked = h.ask(first, Request { flags: 0x100, ..on(op::TIMERFD_SET, timer, &[]) }, b"");
    assert!(asked.values[0] == 7 && asked.values[1] > 1 << 39);
}

fn control(kind: u32, body: &[u8]) -> Vec<u8> {
    let mut record = [&kind.to_le_bytes()[..], &(body.len() as u32).to_le_bytes()[..], body].concat();
    record.resize(record.len().next_multiple_of(8), 0);
    record
}

#[test]
fn descriptors_travel_over_sockets_and_live_on_the_way() {
    let mut h = Harness::new();
    let first = h.first;
    let pair = h.ask(first, numbers(op::SOCKET, &[1, 1, 10, 20]), b"");
    let (a, b) = (pair.values[0], pair.values[1]);
    let child = h.fork(first).unwrap();
    let pipe = h.ask(first, numbers(op::PIPE, &[]), b"inside");
    let (reader, writer) = (pipe.values[0], pipe.values[1]);
    let rights = control(1, &reader.to_le_bytes());
    let send = call(socket::SEND, a, &[0, 2, 0, rights.len() as u64, 10, 20]);
    assert_eq!(h.ask(first, send, &[&b"hi"[..], &rights].concat()).result, 2);
    release(&mut h, first, reader);
    // The description is in the message alone now: the pipe has a reader all the same.
    assert_eq!(write(&mut h, first, writer, b"!"), 1);
    let option = call(socket::SET_OPTION, b, &[1, 16]);
    assert_eq!(h.ask(child, option, &1i32.to_le_bytes()).result, 0);
    let receive = call(socket::RECEIVE, b, &[0, 100]);
    let got = h.ask(child, receive, b"");
    assert_eq!((got.result, got.values[0], got.values[1]), (2, 2, 0));
    assert_eq!(&got.data[..2], b"hi");
    let pid = h.vms[&first].pid;
    let mut credentials = [0; 12];
    credentials[..4].copy_from_slice(&pid.to_le_bytes());
    credentials[4] = 10;
    credentials[8] = 20;
    let expected = [control(2, &credentials), control(1, &reader.to_le_bytes())].concat();
    assert_eq!(got.data[2..], expected);
    assert_eq!(read(&mut h, child, reader, 100).data, b"inside!");
    // What one does not hold cannot be sent.
    let stolen = control(1, &999_999u64.to_le_bytes());
    let send = call(socket::SEND, a, &[0, 2, 0, stolen.len() as u64]);
    assert_eq!(h.ask(first, send, &[&b"hi"[..], &stolen].concat()).result, -9);
    assert_eq!(h.ask(first, call(socket::SEND, a, &[0, 50, 0, 0]), b"short").result, -22);
    // A message that nobody will read: its description dies with it.
    h.lose(child);
    let rights = control(1, &writer.to_le_bytes());
    let send = call(socket::SEND, a, &[0, 1, 0, rights.len() as u64]);
    assert_eq!(h.ask(first, send, &[&b"x"[..], &rights].concat()).result, 1);
    release(&mut h, first, b);
    let broken = h.ask(first, call(socket::SEND, a, &[0, 1]), b"x");
    assert_eq!((broken.result, broken.values[0]), (-32, 1));
    let quiet = h.ask(first, call(socket::SEND, a, &[0x4000, 1]), b"x");
    assert_eq!((quiet.result, quiet.values[0]), (-32, 0));
}

#[test]
fn servers_are_found_by_path_and_by_abstract_name() {
    let mut h = Harness::new();
    let first = h.first;
    let child = h.fork(first).unwrap();
    let root = h.call(first, op::ROOT, &[tree::ROOT]) as u64;
    h.call(child, op::ROOT, &[tree::ROOT]);
    let node = h.ask(first, on(op::CREATE, root, &[0o140777]), b"sock").result as u64;
    let addresses = [&b"\x01\0/sock"[..], b"\x01\0\0abstract"];
    for (address, node) in addresses.into_iter().zip([node, 0]) {
        let server = h.call(first, op::SOCKET, &[1, 0]) as u64;
        let client = h.call(child, op::SOCKET, &[1, 0]) as u64;
        let node_there = h.ask(child, on(op::WALK, root, &[]), b"sock").result as u64;
        let connect =
            Request { other: if node == 0 { 0 } else { node_there }, ..call(socket::CONNECT, client, &[]) };
        assert_eq!(h.ask(child, connect, address).result, -111);
        let bind = Request { other: node, ..call(socket::BIND, server, &[]) };
        assert_eq!(h.ask(first, bind, address).result, 0);
        let again = h.call(first, op::SOCKET, &[1, 0]) as u64;
        assert_eq!(h.ask(first, Request { id: again, ..bind }, address).result, -98);
        assert_eq!(h.ask(first, call(socket::LISTEN, server, &[5]), b"").result, 0);
        assert_eq!(h.ask(first, call(socket::ACCEPT, server, &[]), b"").result, EAGAIN);
        assert_eq!(h.ask(first, on(op::WATCH, server, &[1]), b"").result, 0);
        assert_eq!(h.ask(child, connect, address).result, 0);
        assert!(h.notices(first).iter().any(|note| note.id == server));
        let accepted = h.ask(first, call(socket::ACCEPT, server, &[u64::from(O_NONBLOCK)]), b"");
        assert_eq!(accepted.data, b"\x01\0");
        assert_eq!(write(&mut h, first, accepted.result as u64, b"welcome"), 7);
        assert_eq!(read(&mut h, child, client, 100).data, b"welcome");
        let peer = h.ask(child, call(socket::PEER, client, &[]), b"").data;
        assert_eq!(peer[..address.len()], *address);
        let type_option = h.ask(child, call(socket::GET_OPTION, client, &[1, 3]), b"");
        assert_eq!(type_option.data, 1i32.to_le_bytes());
        assert_eq!(h.ask(child, call(socket::SHUTDOWN, client, &[1]), b"").result, 0);
        assert_eq!(read(&mut h, first, accepted.result as u64, 1).result, 0);
    }
}

#[test]
fn a_pidfd_is_readable_at_the_end() {
    let mut h = Harness::new();
    let first = h.first;
    let child = h.fork(first).unwrap();
    let pid = h.vms[&child].pid as u64;
    let pidfd = h.call(first, op::PIDFD, &[pid]) as u64;
    assert_eq!(h.ask(first, on(op::WATCH, pidfd, &[1]), b"").result, 0);
    h.exit(child, 3 << 8);
    assert!(h.notices(first).iter().any(|note| note.kind == notice::READY && note.id == pidfd));
    assert_eq!(h.ask(first, on(op::POLL, pidfd, &[]), b"").result & 1, 1);
    assert_eq!(h.call(first, op::PIDFD, &[12345]), -3);
}

#[test]
fn ioctls_find_their_argument() {
    let mut h = Harness::new();
    let first = h.first;
    let pipe = h.ask(first, numbers(op::PIPE, &[]), b"seven!!").values;
    let ioctl = |request: u64| on(op::IOCTL, pipe[0], &[request, 0x7fff_0000]);
    let answer = h.ask(first, ioctl(0x541b), b"");
    assert_eq!((answer.result, answer.data), (0, 7i32.to_le_bytes().to_vec()));
    assert_eq!(h.ask(first, ioctl(0x5421), &1i32.to_le_bytes()).result, 0);
    assert_eq!(h.ask(first, on(op::FLAGS, pipe[0], &[]), b"").result, 0o4000);
    assert_eq!(h.ask(first, ioctl(0x5421), b"").result, -14);
    assert_eq!(h.ask(first, ioctl(0x1234), b"").result, -25);
}
