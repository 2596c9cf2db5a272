//! `/proc/net/tcp`, `tcp6`, `udp`, `udp6`: proc(5).

use super::Inet;
use super::address::Endpoint;
use super::base::Base;
use alloc::format;
use alloc::string::String;

const HEAD4: &str =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";
const HEAD6: &str = "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";
/// TCP_TIME_WAIT, TCP_CLOSE, TCP_ESTABLISHED.
const TIME_WAIT: u8 = 6;
const CLOSE: u8 = 7;
const ESTABLISHED: u8 = 1;

/// As the kernel prints an endpoint: words in the machine's order.
fn endpoint(at: Endpoint, is_v6: bool) -> String {
    let address = match at.ip.as_v4().filter(|_| !is_v6) {
        Some(number) => format!("{:08X}", number.swap_bytes()),
        None => {
            let bytes = at.ip.0.to_be_bytes();
            let words = bytes.as_chunks::<4>().0;
            words.iter().map(|word| format!("{:08X}", u32::from_le_bytes(*word))).collect()
        }
    };
    format!("{address}:{:04X}", at.port)
}

struct Row {
    local: Endpoint,
    remote: Endpoint,
    state: u8,
    queues: (usize, usize),
    uid: u32,
    inode: u64,
}

fn row(base: &Base, state: u8, queues: (usize, usize)) -> Row {
    let remote = base.remote.get().unwrap_or(Endpoint::none(base.is_v6));
    Row { local: base.local.get(), remote, state, queues, uid: base.origin.uid, inode: base.id }
}

fn text(is_v6: bool, rows: impl Iterator<Item = Row>, width: usize) -> String {
    let mut text = format!("{:<149}\n", if is_v6 { HEAD6 } else { HEAD4 });
    for (n, row) in rows.enumerate() {
        let line = format!(
            "{n:width$}: {} {} {:02X} {:08X}:{:08X} 00:00000000 00000000 {:5}        0 {}",
            endpoint(row.local, is_v6),
            endpoint(row.remote, is_v6),
            row.state,
            row.queues.0,
            row.queues.1,
            row.uid,
            row.inode,
        );
        text.push_str(&format!("{line:<149}\n"));
    }
    text
}

impl Inet {
    /// A table by its number, as [`InetTable`](crate::proc::source::InetTable) has it.
    pub fn table(&self, number: u64) -> Option<String> {
        match number {
            0 | 1 => Some(self.tcp_table(number == 1)),
            2 | 3 => Some(self.udp_table(number == 3)),
            _ => None,
        }
    }

    /// Stream sockets of one family.
    pub fn tcp_table(&self, is_v6: bool) -> String {
        let ports = self.tcp.borrow();
        let sockets = ports.all().filter(|socket| socket.base.is_v6 == is_v6);
        let rows = sockets.map(|socket| row(&socket.base, socket.state_number(), socket.queued()));
        let waits = ports.waits().filter(|wait| wait.local.ip.is_v4() != is_v6);
        let waits = waits.map(|wait| Row {
            local: wait.local,
            remote: wait.remote,
            state: TIME_WAIT,
            queues: (0, 0),
            uid: 0,
            inode: 0,
        });
        text(is_v6, rows.chain(waits), 4)
    }

    /// Datagram sockets of one family.
    pub fn udp_table(&self, is_v6: bool) -> String {
        let ports = self.udp.borrow();
        let sockets = ports.all().filter(|socket| socket.base.is_v6 == is_v6);
        let rows = sockets.map(|socket| {
            let state = if socket.base.remote.get().is_some() { ESTABLISHED } else { CLOSE };
            row(&socket.base, state, (0, socket.queued()))
        });
        text(is_v6, rows, 5)
    }
}
