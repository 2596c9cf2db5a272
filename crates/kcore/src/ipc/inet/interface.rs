//! What programs ask about interfaces: netdevice(7). There is `lo`.

use super::address::{Endpoint, Ip};
use super::settings::LOOPBACK_MTU;
use crate::errno::{Errno, Result};
use crate::user::UserMemory;

/// The interface's name.
pub const NAME: &[u8] = b"lo";
/// Its number.
pub const INDEX: u32 = 1;
/// IFF_UP, IFF_LOOPBACK, IFF_RUNNING.
pub const FLAGS: u32 = 0x1 | 0x8 | 0x40;
/// IFF_LOWER_UP, which rtnetlink(7) shows beside them.
pub const LOWER_UP: u32 = 0x1_0000;
/// ARPHRD_LOOPBACK.
pub const HARDWARE: u16 = 772;
/// Its MTU.
pub const MTU: u32 = LOOPBACK_MTU as u32;
/// Packets that wait to be sent, at most.
pub const QUEUE: u32 = 1000;

/// Bytes of an interface's name.
const NAME_MAX: usize = 16;
/// Bytes of struct ifreq.
const REQUEST: usize = 40;

const SIOCGIFNAME: u32 = 0x8910;
const SIOCGIFCONF: u32 = 0x8912;
const SIOCGIFFLAGS: u32 = 0x8913;
const SIOCGIFADDR: u32 = 0x8915;
const SIOCGIFDSTADDR: u32 = 0x8917;
const SIOCGIFBRDADDR: u32 = 0x8919;
const SIOCGIFNETMASK: u32 = 0x891b;
const SIOCGIFMETRIC: u32 = 0x891d;
const SIOCGIFMTU: u32 = 0x8921;
const SIOCGIFHWADDR: u32 = 0x8927;
const SIOCGIFINDEX: u32 = 0x8933;
const SIOCGIFTXQLEN: u32 = 0x8942;
/// The requests of interfaces: those that are not listed change something.
pub const REQUESTS: core::ops::RangeInclusive<u32> = 0x8910..=0x8948;

/// ioctl(2) of a socket about interfaces.
///
/// # Errors
/// ENODEV: another interface. EPERM: it would change something. ENOTTY: another request. EFAULT.
pub fn ioctl(request: u32, argument: usize, memory: &dyn UserMemory) -> Result<i64> {
    if !REQUESTS.contains(&request) {
        return Err(Errno::ENOTTY);
    }
    if request == SIOCGIFCONF {
        return configuration(argument, memory);
    }
    let mut asked = [0; REQUEST];
    memory.read(argument, &mut asked)?;
    let (name, rest) = asked.split_at_mut(NAME_MAX);
    if request == SIOCGIFNAME {
        if rest[..4] != INDEX.to_le_bytes() {
            return Err(Errno::ENODEV);
        }
        name.fill(0);
        name[..NAME.len()].copy_from_slice(NAME);
        memory.write(argument, &asked)?;
        return Ok(0);
    }
    let end = name.iter().position(|&byte| byte == 0).unwrap_or(NAME_MAX);
    if &name[..end] != NAME {
        return Err(Errno::ENODEV);
    }
    let address = |ip: u32| Endpoint { ip: Ip::v4(ip), port: 0 }.encode(false);
    let answer = match request {
        SIOCGIFFLAGS => (FLAGS as u16).to_le_bytes().to_vec(),
        SIOCGIFADDR | SIOCGIFDSTADDR => address(0x7f00_0001),
        SIOCGIFBRDADDR => address(0),
        SIOCGIFNETMASK => address(0xff00_0000),
        SIOCGIFMETRIC => 0u32.to_le_bytes().to_vec(),
        SIOCGIFMTU => MTU.to_le_bytes().to_vec(),
        SIOCGIFHWADDR => {
            let mut address = HARDWARE.to_le_bytes().to_vec();
            address.resize(16, 0);
            address
        }
        SIOCGIFINDEX => INDEX.to_le_bytes().to_vec(),
        SIOCGIFTXQLEN => QUEUE.to_le_bytes().to_vec(),
        _ => return Err(Errno::EPERM),
    };
    rest[..answer.len()].copy_from_slice(&answer);
    memory.write(argument, &asked)?;
    Ok(0)
}

/// SIOCGIFCONF: interfaces with an address of IPv4.
fn configuration(argument: usize, memory: &dyn UserMemory) -> Result<i64> {
    let mut asked = [0; 16];
    memory.read(argument, &mut asked)?;
    let length = i32::from_le_bytes([asked[0], asked[1], asked[2], asked[3]]);
    let at = u64::from_le_bytes(core::array::from_fn(|k| asked[8 + k])) as usize;
    let mut given = 0;
    if at == 0 {
        given = REQUEST;
    } else if length >= REQUEST as i32 {
        let mut entry = [0; REQUEST];
        entry[..NAME.len()].copy_from_slice(NAME);
        let address = Endpoint { ip: Ip::LOOPBACK4, port: 0 }.encode(false);
        entry[NAME_MAX..NAME_MAX + address.len()].copy_from_slice(&address);
        memory.write(at, &entry)?;
        given = REQUEST;
    }
    memory.write(argument, &(given as i32).to_le_bytes())?;
    Ok(0)
}
