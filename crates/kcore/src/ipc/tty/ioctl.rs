//! ioctl(2) on terminals: ioctl_tty(2).

use super::job::SIGTTOU;
use super::ldisc::Effects;
use super::termios::{Termios, cc};
use super::{Driver, PtyMaster, Tty, TtyFile, WindowSize, pty};
use crate::errno::{Errno, Result};
use crate::user::UserMemory;

const TCGETS: u32 = 0x5401;
const TCSETS: u32 = 0x5402;
const TCSETSW: u32 = 0x5403;
const TCSETSF: u32 = 0x5404;
const TCGETA: u32 = 0x5405;
const TCSETA: u32 = 0x5406;
const TCSETAW: u32 = 0x5407;
const TCSETAF: u32 = 0x5408;
const TCSBRK: u32 = 0x5409;
const TCXONC: u32 = 0x540a;
const TCFLSH: u32 = 0x540b;
const TIOCEXCL: u32 = 0x540c;
const TIOCNXCL: u32 = 0x540d;
const TIOCSCTTY: u32 = 0x540e;
const TIOCGPGRP: u32 = 0x540f;
const TIOCSPGRP: u32 = 0x5410;
const TIOCOUTQ: u32 = 0x5411;
const TIOCSTI: u32 = 0x5412;
const TIOCGWINSZ: u32 = 0x5413;
const TIOCSWINSZ: u32 = 0x5414;
const TIOCINQ: u32 = 0x541b;
const TIOCPKT: u32 = 0x5420;
const TIOCNOTTY: u32 = 0x5422;
const TIOCSETD: u32 = 0x5423;
const TIOCGETD: u32 = 0x5424;
const TCSBRKP: u32 = 0x5425;
const TIOCSBRK: u32 = 0x5427;
const TIOCCBRK: u32 = 0x5428;
const TIOCGSID: u32 = 0x5429;
const TCGETS2: u32 = 0x802c_542a;
const TCSETS2: u32 = 0x402c_542b;
const TCSETSW2: u32 = 0x402c_542c;
const TCSETSF2: u32 = 0x402c_542d;
/// Locked settings: none ever are, as only CAP_SYS_ADMIN could lock them.
const TIOCGLCKTRMIOS: u32 = 0x5456;
const TIOCSLCKTRMIOS: u32 = 0x5457;
const TIOCGPTN: u32 = 0x8004_5430;
const TIOCSPTLCK: u32 = 0x4004_5431;
const TIOCGDEV: u32 = 0x8004_5432;
const TIOCSIG: u32 = 0x4004_5436;
const TIOCVHANGUP: u32 = 0x5437;
const TIOCGPKT: u32 = 0x8004_5438;
const TIOCGPTLCK: u32 = 0x8004_5439;
const TIOCGEXCL: u32 = 0x8004_5440;

type Memory<'a> = &'a dyn UserMemory;

fn get_int(memory: Memory<'_>, from: usize) -> Result<i32> {
    let mut bytes = [0; 4];
    memory.read(from, &mut bytes)?;
    Ok(i32::from_le_bytes(bytes))
}

fn put_int(memory: Memory<'_>, to: usize, value: i32) -> Result<i64> {
    memory.write(to, &value.to_le_bytes())?;
    Ok(0)
}

pub(super) fn on_tty(file: &TtyFile, request: u32, argument: usize, memory: Memory<'_>) -> Result<i64> {
    let tty = file.tty();
    if file.is_hung_up() {
        return Err(if request == TIOCSPGRP { Errno::ENOTTY } else { Errno::EIO });
    }
    match request {
        TIOCSCTTY => tty.set_controlling(argument == 1, file.reads()).map(|()| 0),
        TIOCNOTTY => tty.give_up().map(|()| 0),
        TIOCGPGRP => put_int(memory, argument, tty.get_foreground(false)?),
        TIOCGSID => put_int(memory, argument, tty.get_session(false)?),
        TIOCINQ => put_int(memory, argument, tty.ldisc.borrow().queued() as i32),
        TIOCPKT | TIOCGPTN | TIOCSPTLCK | TIOCGPKT | TIOCGPTLCK | TIOCSIG => Err(Errno::ENOTTY),
        TCSETS | TCSETSW | TCSETSF | TCSETA | TCSETAW | TCSETAF | TCSETS2 | TCSETSW2 | TCSETSF2 | TCSBRK
        | TCSBRKP | TIOCSBRK | TIOCCBRK | TCXONC | TCFLSH | TIOCSETD => {
            tty.check_foreground(SIGTTOU)?;
            common(tty, request, argument, memory)
        }
        _ => common(tty, request, argument, memory),
    }
}

pub(super) fn on_master(
    master: &PtyMaster,
    request: u32,
    argument: usize,
    memory: Memory<'_>,
) -> Result<i64> {
    let tty = master.tty();
    let Driver::Pty(link) = &tty.driver else { return Err(Errno::ENOTTY) };
    match request {
        TIOCGPTN => put_int(memory, argument, link.number as i32),
        TIOCSPTLCK => {
            link.locked.set(get_int(memory, argument)? != 0);
            Ok(0)
        }
        TIOCGPTLCK => put_int(memory, argument, link.locked.get() as i32),
        TIOCPKT => {
            let on = get_int(memory, argument)? != 0;
            if on && !link.packet.get() {
                link.status.set(0);
            }
            link.packet.set(on);
            Ok(0)
        }
        TIOCGPKT => put_int(memory, argument, link.packet.get() as i32),
        TIOCSIG => match argument {
            2 | 3 | 20 => {
                tty.signal_foreground(argument as u32);
                Ok(0)
            }
            _ => Err(Errno::EINVAL),
        },
        TIOCGPGRP => put_int(memory, argument, tty.get_foreground(true)?),
        TIOCGSID => put_int(memory, argument, tty.get_session(true)?),
        TIOCINQ => put_int(memory, argument, link.output.borrow().len() as i32),
        // The master is nobody's controlling terminal here.
        TIOCSCTTY => Err(Errno::EPERM),
        TIOCNOTTY => Err(Errno::ENOTTY),
        TCFLSH => {
            if argument > 2 {
                return Err(Errno::EINVAL);
            }
            if argument != 1 {
                link.output.borrow_mut().clear();
                tty.drained();
            }
            if argument != 0 {
                tty.incoming.borrow_mut().clear();
            }
            Ok(0)
        }
        _ => common(tty, request, argument, memory),
    }
}

/// What means the same on both sides.
fn common(tty: &Tty, request: u32, argument: usize, memory: Memory<'_>) -> Result<i64> {
    let termios = *tty.ldisc.borrow().termios();
    match request {
        TCGETS => memory.write(argument, &termios.encode()[..Termios::SIZE])?,
        TCGETS2 => memory.write(argument, &termios.encode())?,
        TCGETA => memory.write(argument, &termios.encode_old())?,
        TIOCGLCKTRMIOS => memory.write(argument, &[0; Termios::SIZE])?,
        TIOCSLCKTRMIOS => return Err(Errno::EPERM),
        TCSETS | TCSETSW | TCSETSF => {
            let mut bytes = [0; Termios::SIZE];
            memory.read(argument, &mut bytes)?;
            set_termios(tty, termios.decode(&bytes), request == TCSETSF);
        }
        TCSETS2 | TCSETSW2 | TCSETSF2 => {
            let mut bytes = [0; Termios::SIZE2];
            memory.read(argument, &mut bytes)?;
            set_termios(tty, termios.decode(&bytes), request == TCSETSF2);
        }
        TCSETA | TCSETAW | TCSETAF => {
            let mut bytes = [0; Termios::SIZE_OLD];
            memory.read(argument, &mut bytes)?;
            set_termios(tty, termios.decode_old(&bytes), request == TCSETAF);
        }
        // Output is handed on at once, and there is no line to hold in a break.
        TCSBRK | TCSBRKP | TIOCSBRK | TIOCCBRK => {}
        TCXONC => flow(tty, argument)?,
        TCFLSH => flush(tty, argument)?,
        TIOCEXCL => tty.exclusive.set(true),
        TIOCNXCL => tty.exclusive.set(false),
        TIOCGEXCL => return put_int(memory, argument, tty.exclusive.get() as i32),
        TIOCSPGRP => tty.set_foreground(get_int(memory, argument)?)?,
        TIOCOUTQ => return put_int(memory, argument, 0),
        // Typing into another's terminal: refused, as Linux does without legacy_tiocsti.
        TIOCSTI => return Err(Errno::EIO),
        TIOCGWINSZ => memory.write(argument, &tty.window_size().encode())?,
        TIOCSWINSZ => {
            let mut bytes = [0; 8];
            memory.read(argument, &mut bytes)?;
            tty.set_window_size(WindowSize::decode(&bytes));
        }
        TIOCGETD => return put_int(memory, argument, 0),
        TIOCSETD if get_int(memory, argument)? != 0 => return Err(Errno::EINVAL),
        TIOCSETD => {}
        TIOCGDEV => memory.write(argument, &(tty.rdev() as u32).to_le_bytes())?,
        TIOCVHANGUP if !tty.host.caller().privileged => return Err(Errno::EPERM),
        TIOCVHANGUP => tty.hang_up(),
        _ => return Err(Errno::ENOTTY),
    }
    Ok(0)
}

fn set_termios(tty: &Tty, new: Termios, flush_input: bool) {
    let mut effects = Effects::default();
    let old = {
        let mut ldisc = tty.ldisc.borrow_mut();
        if flush_input {
            ldisc.flush_input();
        }
        let old = *ldisc.termios();
        ldisc.set_termios(new, &mut effects);
        old
    };
    if flush_input {
        tty.incoming.borrow_mut().clear();
    }
    if let Driver::Pty(link) = &tty.driver {
        let flow = |t: &Termios| pty::does_flow_control(t);
        if flow(&old) != flow(&new) {
            link.report(if flow(&new) { pty::DO_STOP } else { pty::NO_STOP });
        }
    }
    tty.apply(effects);
    tty.pump();
}

/// tcflow(3).
fn flow(tty: &Tty, action: usize) -> Result<()> {
    let key = |index: usize| tty.ldisc.borrow().termios().cc[index];
    match action {
        0 | 1 => {
            let off = action == 0;
            let changed = core::mem::replace(&mut tty.ldisc.borrow_mut().flow_off, off) != off;
            if changed {
                tty.flow_changed(off);
            }
        }
        2 | 3 => {
            let key = key(if action == 2 { cc::VSTOP } else { cc::VSTART });
            if key != 0 && tty.room() > 0 {
                tty.emit(&[key]);
            }
        }
        _ => return Err(Errno::EINVAL),
    }
    Ok(())
}

/// tcflush(3).
fn flush(tty: &Tty, what: usize) -> Result<()> {
    if what > 2 {
        return Err(Errno::EINVAL);
    }
    if what != 1 {
        tty.ldisc.borrow_mut().flush_input();
        tty.incoming.borrow_mut().clear();
        if let Driver::Pty(link) = &tty.driver {
            link.report(pty::FLUSH_READ);
            link.queue.notify(super::WRITABLE);
        }
    }
    if what != 0 {
        tty.echoes.borrow_mut().clear();
        if let Driver::Pty(link) = &tty.driver {
            link.flush_output();
            link.report(pty::FLUSH_WRITE);
        }
        tty.drained();
    }
    Ok(())
}
