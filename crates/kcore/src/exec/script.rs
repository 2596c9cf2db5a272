//! `#!` scripts (execve(2), "Interpreter scripts"; Linux: `fs/binfmt_script.c`).

use super::stack::Budget;
use super::strings::Strings;
use crate::errno::{Errno, Result};
use alloc::vec::Vec;

/// Bytes of a file's start that are looked at (`BINPRM_BUF_SIZE`).
pub const HEAD: usize = 256;
/// Scripts that may be each other's interpreter, one behind the other; past it execve gives ELOOP.
pub const DEPTH_MAX: u32 = 5;

/// The first line of a script.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Script {
    /// Path of the interpreter.
    pub interpreter: Vec<u8>,
    /// The one optional argument: the rest of the line, inner blanks included.
    pub argument: Option<Vec<u8>>,
}

impl Script {
    /// The interpreter's argument list for a script found at `path` and called with `arguments` (argv\[0\] included, and dropped).
    ///
    /// # Errors
    /// ENOMEM.
    pub fn arguments(&self, path: &[u8], arguments: &Strings) -> Result<Strings> {
        let mut list = Strings::new();
        list.push(&self.interpreter)?;
        if let Some(argument) = &self.argument {
            list.push(argument)?;
        }
        list.push(path)?;
        for argument in arguments.iter().skip(1) {
            list.push(argument)?;
        }
        Ok(list)
    }

    /// The same change to what the arguments take.
    ///
    /// # Errors
    /// E2BIG.
    pub fn charge(&self, path: &[u8], arguments: &Strings, budget: &mut Budget) -> Result<()> {
        if let Some(dropped) = arguments.iter().next() {
            budget.give_back(dropped.len());
        }
        budget.take(path.len())?;
        if let Some(argument) = &self.argument {
            budget.take(argument.len())?;
        }
        budget.take(self.interpreter.len())
    }
}

/// Whether a file that starts with `head` is a script.
pub fn is_script(head: &[u8]) -> bool {
    head.starts_with(b"#!")
}

/// Parses the first [`HEAD`] bytes of a file (all of them, if it is shorter).
///
/// # Errors
/// ENOEXEC: not a script, no interpreter named, or its path may have been cut off.
pub fn parse(head: &[u8]) -> Result<Script> {
    if !is_script(head) {
        return Err(Errno::ENOEXEC);
    }
    let whole = head.len() < HEAD;
    let head = &head[2..head.len().min(HEAD)];
    let blank = |b: u8| b == b' ' || b == b'\t';
    let line = match head.iter().position(|&b| b == b'\n') {
        Some(end) => &head[..end],
        // The file ends in its first line: Linux's buffer is zero-filled, so that the path has a terminator.
        None if whole => head,
        None => {
            let head = &head[..head.len() - 1];
            let start = head.iter().position(|&b| !blank(b)).ok_or(Errno::ENOEXEC)?;
            if !head[start..].iter().any(|&b| blank(b) || b == 0) {
                return Err(Errno::ENOEXEC);
            }
            head
        }
    };
    let start = line.iter().position(|&b| !blank(b)).ok_or(Errno::ENOEXEC)?;
    let end = line.iter().rposition(|&b| !blank(b)).ok_or(Errno::ENOEXEC)? + 1;
    let line = &line[start..end];
    let name_end = line.iter().position(|&b| blank(b) || b == 0).unwrap_or(line.len());
    if name_end == 0 {
        return Err(Errno::ENOEXEC);
    }
    let argument = match line.get(name_end) {
        Some(&b) if b != 0 => {
            let rest = &line[name_end..];
            let from = rest.iter().position(|&b| !blank(b)).unwrap_or(rest.len());
            let to = rest.iter().position(|&b| b == 0).unwrap_or(rest.len()).max(from);
            Some(rest[from..to].to_vec())
        }
        _ => None,
    };
    Ok(Script { interpreter: line[..name_end].to_vec(), argument })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(head: &[u8]) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
        parse(head).ok().map(|s| (s.interpreter, s.argument))
    }

    #[test]
    fn splits_the_line_as_linux_does() {
        assert_eq!(parsed(b"#!/bin/sh\necho"), Some((b"/bin/sh".to_vec(), None)));
        assert_eq!(parsed(b"#! \t/bin/sh \t\n"), Some((b"/bin/sh".to_vec(), None)));
        assert_eq!(
            parsed(b"#!/usr/bin/env -S a b \nx"),
            Some((b"/usr/bin/env".to_vec(), Some(b"-S a b".to_vec())))
        );
        assert_eq!(parsed(b"#!/bin/sh"), Some((b"/bin/sh".to_vec(), None)));
        assert_eq!(parsed(b"#!/bin/sh\0-e\n"), Some((b"/bin/sh".to_vec(), None)));
        for bad in [&b""[..], b"#", b"#!", b"#!\n/bin/sh", b"#! \t \n", b"\x7fELF", b"#!\0\n"] {
            assert_eq!(parsed(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn refuses_a_path_that_may_be_cut_off() {
        let mut head = [b'a'; HEAD + 10];
        head[..3].copy_from_slice(b"#!/");
        assert_eq!(parsed(&head[..HEAD]), None);
        assert_eq!(parsed(&head), None);
        head[100] = b' ';
        let (name, argument) = parsed(&head[..HEAD]).unwrap();
        assert_eq!(name.len(), 98);
        assert_eq!(argument.unwrap().len(), HEAD - 1 - 101);
    }

    #[test]
    fn puts_the_script_behind_the_argument() {
        let script = parse(b"#!/bin/awk -f\n").unwrap();
        let called = Strings::of(&["x", "1"]).unwrap();
        let list = script.arguments(b"./x", &called).unwrap();
        assert_eq!(list, Strings::of(&["/bin/awk", "-f", "./x", "1"]).unwrap());
        let mut budget = Budget::new(8 << 20, called.len(), 0).unwrap();
        let before = budget.clone();
        script.charge(b"./x", &called, &mut budget).unwrap();
        for length in [8, 2, 3] {
            budget.give_back(length);
        }
        budget.take(1).unwrap();
        assert_eq!(budget, before);
    }
}
