//! What VMs leave in the keeper is bounded: the one that adds to it is told ENOMEM, everybody takes away as before.

mod common;

use common::{Harness, numbers};
use ramet_abi::session::{Request, op, socket};
use ramet_keeper::{ClientId, heap};

#[global_allocator]
static HEAP: heap::Counted = heap::Counted;

const ENOMEM: i64 = -12;
const EAGAIN: i64 = -11;

fn on(operation: u32, id: u64, arguments: &[u64]) -> Request {
    Request { id, ..numbers(operation, arguments) }
}

fn release(h: &mut Harness, vm: ClientId, ids: &[u64]) {
    let request = Request { flags: 1, ..numbers(op::RELEASE, &[]) };
    let bytes: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
    assert_eq!(h.ask(vm, request, &bytes).result, 0);
}

/// Adds until that fails with ENOMEM; then the rest of the session takes away, and goes on.
fn fill(what: &str, mut add: impl FnMut(&mut Harness, ClientId) -> (i64, Vec<u64>)) {
    let mut h = Harness::new();
    let first = h.first;
    let pipe = h.ask(first, numbers(op::PIPE, &[]), b"before").values;
    // Tests of this file run one after the other: nobody else allocates much.
    h.session.own_max = heap::used() + (4 << 20);
    let mut ids = Vec::new();
    for round in 0.. {
        let (result, made) = add(&mut h, first);
        ids.extend(made);
        if result == ENOMEM {
            break;
        }
        assert!(result >= 0 || result == EAGAIN, "{what}: {result}");
        assert!(round < 200_000 && heap::used() < h.session.own_max + (2 << 20), "{what}: no limit");
    }
    assert_eq!(h.ask(first, Request { wanted: 100, ..on(op::READ, pipe[0], &[]) }, b"").data, b"before");
    ids.chunks(1000).for_each(|ids| release(&mut h, first, ids));
    assert!(!h.session.is_full(), "{what}: {} of {}", heap::used(), h.session.own_max);
    assert_eq!(h.ask(first, on(op::WRITE, pipe[1], &[0, u64::MAX]), b"after").result, 5);
    assert!(h.fork(first).is_ok());
}

#[test]
fn everything_that_is_queued_watched_or_on_its_way() {
    let bytes = [7; 60_000];
    fill("bytes in pipes", |h, vm| {
        let pipe = h.ask(vm, numbers(op::PIPE, &[]), b"");
        if pipe.result < 0 {
            return (pipe.result, Vec::new());
        }
        let ends = pipe.values[..2].to_vec();
        (h.ask(vm, on(op::WRITE, ends[1], &[0, u64::MAX]), &bytes).result, ends)
    });
    fill("bytes in sockets", |h, vm| {
        let pair = h.ask(vm, numbers(op::SOCKET, &[1, 1, 0, 0]), b"");
        if pair.result < 0 {
            return (pair.result, Vec::new());
        }
        let ends = pair.values[..2].to_vec();
        (h.ask(vm, on(op::WRITE, ends[0], &[0, u64::MAX]), &bytes).result, ends)
    });
    let mut inner = Vec::new();
    fill("descriptors on their way", move |h, vm| {
        // Each pair carries the one before it, which nobody holds then.
        let pair = h.ask(vm, numbers(op::SOCKET, &[1, 1, 0, 0]), b"");
        if pair.result < 0 {
            return (pair.result, inner.clone());
        }
        let ends = pair.values[..2].to_vec();
        if let [a, b] = inner[..] {
            let body: Vec<u8> = [a, b].iter().flat_map(|id: &u64| id.to_le_bytes()).collect();
            let record = [&1u32.to_le_bytes()[..], &16u32.to_le_bytes()[..], &body].concat();
            let send = Request {
                flags: socket::SEND,
                ..on(op::SOCKET_CALL, ends[0], &[0, 1, 0, record.len() as u64])
            };
            let sent = h.ask(vm, send, &[&b"x"[..], &record].concat()).result;
            if sent < 0 {
                return (sent, [ends, vec![a, b]].concat());
            }
            release(h, vm, &[a, b]);
        }
        inner = ends;
        (0, Vec::new())
    });
    let mut epolls: Vec<u64> = Vec::new();
    let mut event = 0;
    fill("watches", move |h, vm| {
        if event == 0 {
            event = h.ask(vm, numbers(op::EVENTFD, &[0]), b"").result as u64;
        }
        let made = h.call(vm, op::EPOLL, &[]);
        if made < 0 {
            return (made, Vec::new());
        }
        epolls.push(made as u64);
        let add = Request { other: event, ..on(op::EPOLL_CTL, made as u64, &[1, 1, 0, 7]) };
        (h.ask(vm, add, b"").result, vec![made as u64])
    });
}
