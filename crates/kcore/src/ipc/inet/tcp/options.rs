//! Options at the level IPPROTO_TCP: tcp(7).

use super::super::settings::{IPPROTO_TCP, int};
use super::{State, TcpSocket};
use crate::errno::{Errno, Result};
use crate::ipc::socket::SHUT_RECEIVE;
use alloc::vec::Vec;

const NODELAY: i32 = 1;
const MAXSEG: i32 = 2;
const CORK: i32 = 3;
const KEEPIDLE: i32 = 4;
const KEEPINTVL: i32 = 5;
const KEEPCNT: i32 = 6;
const SYNCNT: i32 = 7;
const LINGER2: i32 = 8;
const DEFER_ACCEPT: i32 = 9;
const WINDOW_CLAMP: i32 = 10;
const INFO: i32 = 11;
const QUICKACK: i32 = 12;
const CONGESTION: i32 = 13;
const USER_TIMEOUT: i32 = 18;
const FASTOPEN: i32 = 23;
const NOTSENT_LOWAT: i32 = 25;

/// Segments before a connection, and over `lo`: half of the first window.
const MSS_UNCONNECTED: i32 = 536;
const MSS: i32 = 32_741;
/// net.ipv4.tcp_congestion_control.
const ALGORITHM: &[u8] = b"cubic";
/// TCP_CA_NAME_MAX.
const ALGORITHM_MAX: usize = 16;
/// Bytes of struct tcp_info of Linux 6.1.
const INFO_SIZE: usize = 240;

/// Range and default of an option that is kept.
fn rule(option: i32) -> Option<(i32, i32, i32)> {
    Some(match option {
        KEEPIDLE => (1, 32767, 7200),
        KEEPINTVL => (1, 32767, 75),
        KEEPCNT => (1, 127, 9),
        SYNCNT => (1, 127, 6),
        DEFER_ACCEPT | USER_TIMEOUT | FASTOPEN => (0, i32::MAX, 0),
        LINGER2 => (i32::MIN, i32::MAX, 60),
        WINDOW_CLAMP => (0, i32::MAX, 0),
        NOTSENT_LOWAT => (i32::MIN, i32::MAX, -1),
        _ => return None,
    })
}

impl TcpSocket {
    pub(super) fn tcp_option(&self, option: i32) -> Result<Vec<u8>> {
        let settings = &self.base.settings;
        let get = |default| settings.get((IPPROTO_TCP, option), default);
        let value = match option {
            NODELAY | CORK => get(0),
            QUICKACK => get(1),
            MAXSEG if self.state.get() == State::Established => MSS,
            MAXSEG => get(MSS_UNCONNECTED),
            CONGESTION => {
                let mut name = ALGORITHM.to_vec();
                name.resize(ALGORITHM_MAX, 0);
                return Ok(name);
            }
            INFO => return Ok(self.info()),
            _ => get(rule(option).ok_or(Errno::ENOPROTOOPT)?.2),
        };
        Ok(value.to_le_bytes().to_vec())
    }

    pub(super) fn set_tcp_option(&self, option: i32, value: &[u8]) -> Result<()> {
        if option == CONGESTION {
            let end = value.iter().position(|&byte| byte == 0).unwrap_or(value.len());
            return match &value[..end] {
                [] => Err(Errno::EINVAL),
                ALGORITHM => Ok(()),
                _ => Err(Errno::ENOENT),
            };
        }
        let value = int(value)?;
        let value = match option {
            NODELAY | CORK | QUICKACK => i32::from(value != 0),
            MAXSEG if value == 0 || (88..=32767).contains(&value) => value,
            MAXSEG => return Err(Errno::EINVAL),
            _ => {
                let (first, last, _) = rule(option).ok_or(Errno::ENOPROTOOPT)?;
                if !(first..=last).contains(&value) {
                    return Err(Errno::EINVAL);
                }
                value
            }
        };
        self.base.settings.put((IPPROTO_TCP, option), value);
        Ok(())
    }

    /// The state as `/proc/net/tcp` and struct tcp_info number it.
    pub(in super::super) fn state_number(&self) -> u8 {
        match (self.state.get(), self.fin_sent.get(), self.fin_received.get()) {
            (State::Closed, ..) => 7,
            (State::Listening, ..) => 10,
            (State::SynSent, ..) => 2,
            (State::Established, false, false) => 1,
            (State::Established, true, _) => 5,
            (State::Established, false, true) => 8,
        }
    }

    /// struct tcp_info: the state, the sizes of segments and of the listen(2) queue. The rest is about packets: zeros.
    fn info(&self) -> Vec<u8> {
        let mut info = alloc::vec![0; INFO_SIZE];
        info[0] = self.state_number();
        let mut word = |at: usize, value: u32| info[at..at + 4].copy_from_slice(&value.to_le_bytes());
        word(16, MSS as u32);
        word(20, MSS as u32);
        if self.state.get() == State::Listening {
            word(24, self.pending.borrow().len() as u32);
            word(28, self.backlog.get() as u32);
        }
        info
    }

    /// Bytes and connections as `/proc/net/tcp` shows them: to be sent, to be read.
    pub(in super::super) fn queued(&self) -> (usize, usize) {
        if self.state.get() == State::Listening {
            return (0, self.pending.borrow().len());
        }
        let ended = usize::from(self.fin_received.get() && self.base.has_shut(SHUT_RECEIVE));
        (self.peer().map_or(0, |peer| peer.unsent()), self.readable() + ended)
    }
}
