//! The lists of strings that execve(2) takes: argv and envp.

use crate::errno::{Errno, Result};
use alloc::vec::Vec;

/// Strings one behind the other, each with its zero byte: as many as there are, they take no more than their bytes.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Strings {
    bytes: Vec<u8>,
    count: usize,
}

impl Strings {
    /// An empty list.
    pub const fn new() -> Strings {
        Strings { bytes: Vec::new(), count: 0 }
    }

    /// A list of these; what follows a zero byte inside of one is cut off.
    ///
    /// # Errors
    /// ENOMEM.
    pub fn of<S: AsRef<[u8]>>(list: &[S]) -> Result<Strings> {
        let mut strings = Strings::new();
        for string in list {
            strings.push(string.as_ref().split(|byte| *byte == 0).next().unwrap_or(&[]))?;
        }
        Ok(strings)
    }

    /// Adds one, which holds no zero byte.
    ///
    /// # Errors
    /// ENOMEM.
    pub fn push(&mut self, string: &[u8]) -> Result<()> {
        debug_assert!(!string.contains(&0));
        self.bytes.try_reserve(string.len() + 1).map_err(|_| Errno::ENOMEM)?;
        self.bytes.extend_from_slice(string);
        self.bytes.push(0);
        self.count += 1;
        Ok(())
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// All of them, zero bytes included.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// One by one, without their zero bytes.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes.split(|byte| *byte == 0).take(self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_empty_strings_and_order() {
        let list = Strings::of(&["a", "", "bc", ""]).unwrap();
        assert_eq!(list.iter().collect::<Vec<_>>(), [&b"a"[..], b"", b"bc", b""]);
        assert_eq!((list.len(), list.bytes()), (4, &b"a\0\0bc\0\0"[..]));
        assert!(Strings::new().is_empty() && Strings::new().iter().next().is_none());
        assert_eq!(Strings::of(&[b"x\0y"]).unwrap().bytes(), b"x\0");
    }
}
