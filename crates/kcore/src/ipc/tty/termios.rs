//! struct termios, termios2 and termio: termios(3), ioctl_tty(2).

/// Bits of c_iflag.
pub mod iflag {
    #![allow(missing_docs)]
    pub const PARMRK: u32 = 0o10;
    pub const ISTRIP: u32 = 0o40;
    pub const INLCR: u32 = 0o100;
    pub const IGNCR: u32 = 0o200;
    pub const ICRNL: u32 = 0o400;
    pub const IUCLC: u32 = 0o1000;
    pub const IXON: u32 = 0o2000;
    pub const IXANY: u32 = 0o4000;
    pub const IXOFF: u32 = 0o10000;
    pub const IMAXBEL: u32 = 0o20000;
    pub const IUTF8: u32 = 0o40000;
}

/// Bits of c_oflag.
pub mod oflag {
    #![allow(missing_docs)]
    pub const OPOST: u32 = 0o1;
    pub const OLCUC: u32 = 0o2;
    pub const ONLCR: u32 = 0o4;
    pub const OCRNL: u32 = 0o10;
    pub const ONOCR: u32 = 0o20;
    pub const ONLRET: u32 = 0o40;
    pub const XTABS: u32 = 0o14000;
}

/// Bits of c_lflag.
pub mod lflag {
    #![allow(missing_docs)]
    pub const ISIG: u32 = 0o1;
    pub const ICANON: u32 = 0o2;
    pub const ECHO: u32 = 0o10;
    pub const ECHOE: u32 = 0o20;
    pub const ECHOK: u32 = 0o40;
    pub const ECHONL: u32 = 0o100;
    pub const NOFLSH: u32 = 0o200;
    pub const TOSTOP: u32 = 0o400;
    pub const ECHOCTL: u32 = 0o1000;
    pub const ECHOPRT: u32 = 0o2000;
    pub const ECHOKE: u32 = 0o4000;
    pub const IEXTEN: u32 = 0o100000;
    pub const EXTPROC: u32 = 0o200000;
}

/// Indexes of c_cc.
pub mod cc {
    #![allow(missing_docs)]
    pub const VINTR: usize = 0;
    pub const VQUIT: usize = 1;
    pub const VERASE: usize = 2;
    pub const VKILL: usize = 3;
    pub const VEOF: usize = 4;
    pub const VTIME: usize = 5;
    pub const VMIN: usize = 6;
    pub const VSTART: usize = 8;
    pub const VSTOP: usize = 9;
    pub const VSUSP: usize = 10;
    pub const VEOL: usize = 11;
    pub const VREPRINT: usize = 12;
    pub const VDISCARD: usize = 13;
    pub const VWERASE: usize = 14;
    pub const VLNEXT: usize = 15;
    pub const VEOL2: usize = 16;
}

/// Number of control characters that the kernel knows.
pub const NCCS: usize = 19;
const B38400: u32 = 0o17;
const CS8: u32 = 0o60;
const CREAD: u32 = 0o200;
const CBAUD: u32 = 0o10017;

/// A terminal's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Termios {
    /// Input modes.
    pub iflag: u32,
    /// Output modes.
    pub oflag: u32,
    /// Control modes: kept, without effect.
    pub cflag: u32,
    /// Local modes.
    pub lflag: u32,
    /// Line discipline number: always 0 (N_TTY).
    pub line: u8,
    /// Control characters; 0: disabled.
    pub cc: [u8; NCCS],
    /// Baud.
    pub input_speed: u32,
    /// Baud.
    pub output_speed: u32,
}

impl Default for Termios {
    /// What a pseudo-terminal begins with (`tty_std_termios`).
    fn default() -> Termios {
        let mut cc = [0; NCCS];
        cc[..17].copy_from_slice(&[3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0]);
        Termios {
            iflag: iflag::ICRNL | iflag::IXON,
            oflag: oflag::OPOST | oflag::ONLCR,
            cflag: B38400 | CS8 | CREAD,
            lflag: lflag::ISIG
                | lflag::ICANON
                | lflag::ECHO
                | lflag::ECHOE
                | lflag::ECHOK
                | lflag::ECHOCTL
                | lflag::ECHOKE
                | lflag::IEXTEN,
            line: 0,
            cc,
            input_speed: 38400,
            output_speed: 38400,
        }
    }
}

impl Termios {
    /// Size of struct termios.
    pub const SIZE: usize = 36;
    /// Size of struct termios2.
    pub const SIZE2: usize = 44;
    /// Size of struct termio.
    pub const SIZE_OLD: usize = 18;

    /// struct termios2; its first [`Termios::SIZE`] bytes are struct termios.
    pub fn encode(&self) -> [u8; Termios::SIZE2] {
        let mut bytes = [0; Termios::SIZE2];
        let words = [self.iflag, self.oflag, self.cflag, self.lflag];
        for (place, word) in bytes.chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes[16] = self.line;
        bytes[17..36].copy_from_slice(&self.cc);
        bytes[36..40].copy_from_slice(&self.input_speed.to_le_bytes());
        bytes[40..44].copy_from_slice(&self.output_speed.to_le_bytes());
        bytes
    }

    /// From struct termios (36 bytes) or termios2 (44 bytes).
    pub fn decode(&self, bytes: &[u8]) -> Termios {
        let word = |i: usize| u32::from_le_bytes([0, 1, 2, 3].map(|k| bytes[i * 4 + k]));
        let mut cc = [0; NCCS];
        cc.copy_from_slice(&bytes[17..36]);
        let mut new =
            Termios { iflag: word(0), oflag: word(1), cflag: word(2), lflag: word(3), line: 0, cc, ..*self };
        if bytes.len() >= Termios::SIZE2 {
            (new.input_speed, new.output_speed) = (word(9), word(10));
        } else if let Some(speed) = speed(new.cflag & CBAUD) {
            (new.input_speed, new.output_speed) = (speed, speed);
        }
        new
    }

    /// struct termio (TCGETA).
    pub fn encode_old(&self) -> [u8; Termios::SIZE_OLD] {
        let mut bytes = [0; Termios::SIZE_OLD];
        let words = [self.iflag, self.oflag, self.cflag, self.lflag];
        for (place, word) in bytes.chunks_exact_mut(2).zip(words) {
            place.copy_from_slice(&(word as u16).to_le_bytes());
        }
        bytes[8] = self.line;
        bytes[9..17].copy_from_slice(&self.cc[..8]);
        bytes
    }

    /// From struct termio: what it lacks stays.
    pub fn decode_old(&self, bytes: &[u8; Termios::SIZE_OLD]) -> Termios {
        let half = |i: usize, old: u32| {
            (old & 0xffff_0000) | u16::from_le_bytes([bytes[i * 2], bytes[i * 2 + 1]]) as u32
        };
        let mut new = *self;
        new.iflag = half(0, self.iflag);
        new.oflag = half(1, self.oflag);
        new.cflag = half(2, self.cflag);
        new.lflag = half(3, self.lflag);
        new.cc[..8].copy_from_slice(&bytes[9..17]);
        new
    }

    /// Whether input comes in lines.
    pub fn is_canonical(&self) -> bool {
        self.lflag & (lflag::ICANON | lflag::EXTPROC) == lflag::ICANON
    }
}

/// Baud of a CBAUD code; none: BOTHER.
fn speed(code: u32) -> Option<u32> {
    const LOW: [u32; 16] =
        [0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400];
    const HIGH: [u32; 15] = [
        57600, 115_200, 230_400, 460_800, 500_000, 576_000, 921_600, 1_000_000, 1_152_000, 1_500_000,
        2_000_000, 2_500_000, 3_000_000, 3_500_000, 4_000_000,
    ];
    if code & 0o10000 == 0 {
        LOW.get(code as usize).copied()
    } else {
        HIGH.get((code & 0o17).checked_sub(1)? as usize).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips() {
        let mut t = Termios::default();
        t.cc[cc::VTIME] = 9;
        t.iflag |= iflag::IUTF8;
        let bytes = t.encode();
        assert_eq!(t.decode(&bytes), t);
        assert_eq!(Termios::default().decode(&bytes[..36]), t);
        assert_eq!(t.decode_old(&t.encode_old()), t);
        assert_eq!(bytes[17..20], [3, 28, 127]);
    }

    #[test]
    fn speeds_follow_the_code() {
        let mut bytes = Termios::default().encode();
        bytes[8] = 0o15;
        assert_eq!(Termios::default().decode(&bytes[..36]).output_speed, 9600);
        bytes[8] = 0o02;
        bytes[9] = 0x10;
        assert_eq!(Termios::default().decode(&bytes[..36]).output_speed, 115_200);
    }
}
