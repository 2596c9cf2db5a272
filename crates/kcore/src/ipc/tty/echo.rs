//! Output processing, echo, and the erasing of characters on the screen.

use super::ldisc::{Effects, Ldisc};
use super::termios::{cc, iflag, lflag, oflag};
use alloc::vec::Vec;

/// As Linux's ctype: bytes over 0x7f are not control characters.
fn is_control(byte: u8) -> bool {
    byte < 0x20 || byte == 0x7f
}

/// As Linux's ctype, which is Latin-1.
fn is_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || (byte >= 0xc0 && byte != 0xd7 && byte != 0xf7)
}

impl Ldisc {
    /// Whether `byte` continues a character of several bytes.
    fn is_continuation(&self, byte: u8) -> bool {
        self.termios.iflag & iflag::IUTF8 != 0 && byte & 0xc0 == 0x80
    }

    pub(super) fn output_byte(&mut self, mut byte: u8, out: &mut Vec<u8>) {
        let flags = self.termios.oflag;
        match byte {
            b'\n' => {
                if flags & oflag::ONLRET != 0 {
                    self.column = 0;
                }
                if flags & oflag::ONLCR != 0 {
                    self.column = 0;
                    out.push(b'\r');
                }
                self.canon_column = self.column;
            }
            b'\r' => {
                if flags & oflag::ONOCR != 0 && self.column == 0 {
                    return;
                }
                if flags & oflag::OCRNL == 0 {
                    self.column = 0;
                    self.canon_column = 0;
                } else {
                    byte = b'\n';
                    if flags & oflag::ONLRET != 0 {
                        self.column = 0;
                        self.canon_column = 0;
                    }
                }
            }
            b'\t' => {
                let spaces = 8 - (self.column & 7);
                self.column += spaces;
                if flags & oflag::XTABS == oflag::XTABS {
                    out.resize(out.len() + spaces as usize, b' ');
                    return;
                }
            }
            8 => self.column = self.column.saturating_sub(1),
            _ if !is_control(byte) => {
                if flags & oflag::OLCUC != 0 {
                    byte = byte.to_ascii_uppercase();
                }
                if !self.is_continuation(byte) {
                    self.column = self.column.wrapping_add(1);
                }
            }
            _ => {}
        }
        out.push(byte);
    }

    /// Echoes a byte as the program would write it.
    pub(super) fn echo_raw(&mut self, byte: u8, effects: &mut Effects) {
        if self.termios.oflag & oflag::OPOST != 0 {
            self.output_byte(byte, &mut effects.echo);
        } else {
            effects.echo.push(byte);
        }
    }

    /// Echoes a byte, control characters as `^X`.
    pub(super) fn echo(&mut self, byte: u8, effects: &mut Effects) {
        if self.has(lflag::ECHOCTL) && is_control(byte) && byte != b'\t' {
            effects.echo.extend([b'^', byte ^ 0x40]);
            self.column += 2;
        } else {
            self.echo_raw(byte, effects);
        }
    }

    /// Remembers where on the screen the line being edited begins.
    pub(super) fn note_column(&mut self) {
        if self.canon_head == self.head() {
            self.canon_column = self.column;
        }
    }

    pub(super) fn finish_erasing(&mut self, effects: &mut Effects) {
        if core::mem::take(&mut self.erasing) {
            self.echo_raw(b'/', effects);
        }
    }

    /// VERASE, VWERASE or VKILL, whichever `key` is.
    pub(super) fn erase(&mut self, key: u8, effects: &mut Effects) {
        if self.head() == self.canon_head {
            return;
        }
        let one = self.termios.cc[cc::VERASE] == key;
        let word = !one && self.termios.cc[cc::VWERASE] == key;
        if !one && !word {
            let visibly = lflag::ECHOK | lflag::ECHOKE | lflag::ECHOE;
            if !self.has(lflag::ECHO) || self.termios.lflag & visibly != visibly {
                self.buffer.truncate((self.canon_head - self.tail) as usize);
                if self.has(lflag::ECHO) {
                    self.finish_erasing(effects);
                    self.echo(self.termios.cc[cc::VKILL], effects);
                    if self.has(lflag::ECHOK) {
                        self.echo_raw(b'\n', effects);
                    }
                }
                return;
            }
        }
        let start = (self.canon_head - self.tail) as usize;
        let mut seen_alphanumeric = false;
        while self.buffer.len() > start {
            // One character, which may be of several bytes.
            let mut at = self.buffer.len() - 1;
            while self.is_continuation(self.buffer[at]) && at > start {
                at -= 1;
            }
            let first = self.buffer[at];
            if self.is_continuation(first) {
                break;
            }
            if word {
                if is_alphanumeric(first) || first == b'_' {
                    seen_alphanumeric = true;
                } else if seen_alphanumeric {
                    break;
                }
            }
            let gone: Vec<u8> = self.buffer.drain(at..).collect();
            if self.has(lflag::ECHO) {
                self.echo_erased(&gone, one, effects);
            }
            if one {
                break;
            }
        }
        if self.buffer.len() == start && self.has(lflag::ECHO) {
            self.finish_erasing(effects);
        }
    }

    fn echo_erased(&mut self, gone: &[u8], one: bool, effects: &mut Effects) {
        let first = gone[0];
        if self.has(lflag::ECHOPRT) {
            if !core::mem::replace(&mut self.erasing, true) {
                self.echo_raw(b'\\', effects);
            }
            self.echo(first, effects);
            for &byte in &gone[1..] {
                self.echo_raw(byte, effects);
                self.column = self.column.saturating_sub(1);
            }
        } else if one && !self.has(lflag::ECHOE) {
            self.echo(self.termios.cc[cc::VERASE], effects);
        } else if first == b'\t' {
            self.erase_tab(effects);
        } else {
            let visible = !is_control(first) || self.has(lflag::ECHOCTL);
            let width = if !visible { 0 } else { 1 + is_control(first) as usize };
            for _ in 0..width {
                for byte in [8, b' ', 8] {
                    self.echo_raw(byte, effects);
                }
            }
        }
    }

    /// Goes back over a tab that was just removed from the buffer.
    fn erase_tab(&mut self, effects: &mut Effects) {
        let start = (self.canon_head - self.tail) as usize;
        let (mut columns, mut after_tab) = (0, false);
        for &byte in self.buffer.range(start..).rev() {
            if byte == b'\t' {
                after_tab = true;
                break;
            } else if is_control(byte) {
                columns += if self.has(lflag::ECHOCTL) { 2 } else { 0 };
            } else if !self.is_continuation(byte) {
                columns += 1;
            }
        }
        if !after_tab {
            columns += self.canon_column;
        }
        for _ in 0..8 - (columns & 7) {
            effects.echo.push(8);
            self.column = self.column.saturating_sub(1);
        }
    }
}
