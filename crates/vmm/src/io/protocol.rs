//! The control protocol's words (`docs/spec/control.md`).

use crate::clone::{Answer, CloneSpec, ExecSpec, PoolSettings, ResetSpec};
use serde::Deserialize;
use serde_json::{Value, json};

/// A request. Unknown operations and members are refused.
#[derive(Debug, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// What the VM is and does.
    Info,
    /// A signal for the program.
    Signal {
        /// Its number.
        signal: u32,
    },
    /// End the VM.
    Kill,
    /// Stop the vCPU.
    Pause,
    /// Let the vCPU run.
    Resume,
    /// The terminal's size.
    Resize {
        /// Rows.
        rows: u32,
        /// Columns.
        columns: u32,
    },
    /// Wait until the program is ready.
    WaitReady {
        /// Seconds, or for ever.
        #[serde(default)]
        timeout: Option<f64>,
    },
    /// Become a template.
    Freeze {
        /// How many clones to make ahead.
        #[serde(default)]
        pool: PoolSettings,
        /// All its clones can be reset.
        #[serde(default)]
        resettable: bool,
    },
    /// Go back to the start.
    Reset {
        /// With what.
        #[serde(default)]
        reset: Box<ResetSpec>,
    },
    /// Write to the program's memory.
    WriteMemory {
        /// The program's address.
        address: u64,
        /// Two hexadecimal digits for each byte.
        bytes: String,
        /// It is there after a reset, too.
        #[serde(default)]
        keep: bool,
    },
    /// Read the program's memory.
    ReadMemory {
        /// The program's address.
        address: u64,
        /// Bytes.
        length: u64,
    },
    /// Make more or fewer clones ahead.
    Pool {
        /// How many.
        pool: PoolSettings,
    },
    /// Make a clone.
    Clone {
        /// What it is to be.
        clone: Box<CloneSpec>,
    },
    /// Wait for the end.
    Wait,
    /// Add a process to the session.
    Exec {
        /// What it is to be.
        exec: Box<ExecSpec>,
    },
    /// A signal for an added process.
    ExecSignal {
        /// The process.
        pid: u32,
        /// The signal's number.
        signal: u32,
    },
    /// The size of an added process's terminal.
    ExecResize {
        /// The process.
        pid: u32,
        /// Rows.
        rows: u32,
        /// Columns.
        columns: u32,
    },
    /// The session's processes.
    Processes,
}

/// `Request::Exec` by itself: serde reads a tagged enum through a buffer that holds text only, and a program's arguments are bytes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExecRequest {
    op: ExecWord,
    exec: Box<ExecSpec>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ExecWord {
    Exec,
}

/// Parses a request line.
pub fn parse(line: &[u8]) -> Result<Request, String> {
    serde_json::from_slice(line).or_else(|error| match serde_json::from_slice(line) {
        Ok(ExecRequest { op: ExecWord::Exec, exec }) => Ok(Request::Exec { exec }),
        Err(_) => Err(format!("bad request: {error}")),
    })
}

/// The line of an answer.
pub fn answer_line(answer: &Answer) -> String {
    match answer {
        Ok(Value::Object(members)) => {
            let mut document = json!({"ok": true});
            for (key, value) in members {
                document[key.as_str()] = value.clone();
            }
            document.to_string()
        }
        Ok(_) => json!({"ok": true}).to_string(),
        Err(refusal) => {
            json!({"ok": false, "error": refusal.text, "errno": refusal.errno.map(errno_name)}).to_string()
        }
    }
}

/// Symbolic name of an error number that host calls of the VMM may give.
fn errno_name(number: i32) -> String {
    let name = match number {
        libc::EPERM => "EPERM",
        libc::ENOENT => "ENOENT",
        libc::EINTR => "EINTR",
        libc::EIO => "EIO",
        libc::E2BIG => "E2BIG",
        libc::EBADF => "EBADF",
        libc::EAGAIN => "EAGAIN",
        libc::ENOMEM => "ENOMEM",
        libc::EACCES => "EACCES",
        libc::EFAULT => "EFAULT",
        libc::EBUSY => "EBUSY",
        libc::EEXIST => "EEXIST",
        libc::ENODEV => "ENODEV",
        libc::ENOTDIR => "ENOTDIR",
        libc::EISDIR => "EISDIR",
        libc::EINVAL => "EINVAL",
        libc::ENFILE => "ENFILE",
        libc::EMFILE => "EMFILE",
        libc::EFBIG => "EFBIG",
        libc::ENOSPC => "ENOSPC",
        libc::EROFS => "EROFS",
        libc::EPIPE => "EPIPE",
        libc::ENOSYS => "ENOSYS",
        libc::ENAMETOOLONG => "ENAMETOOLONG",
        libc::EDQUOT => "EDQUOT",
        libc::ETIMEDOUT => "ETIMEDOUT",
        _ => return format!("E{number}"),
    };
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clone::Refusal;

    #[test]
    fn unknown_words_are_refused() {
        assert!(matches!(parse(br#"{"op":"info"}"#), Ok(Request::Info)));
        assert!(matches!(
            parse(br#"{"op":"wait_ready","timeout":null}"#),
            Ok(Request::WaitReady { timeout: None })
        ));
        assert!(parse(br#"{"op":"dance"}"#).is_err());
        assert!(parse(br#"{"op":"signal"}"#).is_err());
        assert!(parse(br#"{"op":"resize","rows":1,"columns":2,"depth":3}"#).is_err());
        assert!(parse(b"\xff").is_err());
    }

    #[test]
    fn arguments_are_bytes() {
        let parsed = parse(br#"{"op":"exec","exec":{"args":["a\udcff","\u00e9"],"env":["X=\udc80"]}}"#);
        let Ok(Request::Exec { exec }) = parsed else { panic!("{parsed:?}") };
        assert_eq!((&exec.args[0][..], &exec.args[1][..]), (&b"a\xff"[..], "é".as_bytes()));
        assert_eq!(&exec.env[0][..], b"X=\x80");
        assert!(parse(br#"{"op":"exec","exec":{"args":["\udcff"],"more":1}}"#).is_err());
        assert!(parse(br#"{"op":"dance","exec":{"args":["\udcff"]}}"#).is_err());
    }

    #[test]
    fn answers_are_one_line() {
        assert_eq!(answer_line(&Ok(Value::Null)), r#"{"ok":true}"#);
        let refusal = Refusal { text: "a\nb".into(), errno: Some(libc::ENOENT) };
        let line = answer_line(&Err(refusal));
        assert!(!line.contains('\n') && line.contains("\"ENOENT\""));
    }
}
