//! The files in a VM's directory.

use super::Profile;
use crate::vm::{Ending, Error, realtime};
use serde_json::{Value, json};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::Path;

/// Name of the control socket in a VM's directory.
pub const SOCKET: &str = "control.sock";

fn unix_time() -> f64 {
    realtime() as f64 / 1e9
}

/// Field 22 of `/proc/self/stat`: start time in clock ticks since boot. Together with the pid it names a process.
pub fn start_time() -> Result<u64, Error> {
    let stat = std::fs::read_to_string("/proc/self/stat").map_err(Error::host("/proc/self/stat"))?;
    // The second field, in parentheses, may contain anything: count from behind it.
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let field = rest.split_ascii_whitespace().nth(19).and_then(|f| f.parse().ok());
    field.ok_or_else(|| Error::Request("/proc/self/stat has another form".into()))
}

/// Writes a file so that a reader sees all of it or nothing. A failed write leaves nothing behind.
fn write_atomically(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let temporary = path.with_file_name(name);
    let result = std::fs::File::create(&temporary)
        .and_then(|mut file| file.write_all(content))
        .and_then(|()| std::fs::rename(&temporary, path));
    if result.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    result
}

/// Makes the directory of a clone whose client has left that to it, with `record.json` and the room for `exit.json`.
pub fn make_directory(directory: &Path, record: &serde_json::Map<String, Value>) -> Result<(), Error> {
    let document = serde_json::to_string(record).map_err(|e| Error::Request(e.to_string()))?;
    let make = || {
        std::fs::create_dir(directory)?;
        std::fs::write(directory.join("record.json"), document)?;
        let reserved = std::fs::File::create(directory.join("exit.json.new"))?;
        // SAFETY: concerns the new file only.
        match unsafe { libc::posix_fallocate(reserved.as_raw_fd(), 0, RESERVED as libc::off_t) } {
            0 => Ok(()),
            number => Err(std::io::Error::from_raw_os_error(number)),
        }
    };
    make().map_err(Error::host(directory.display().to_string()))
}

/// Writes `vmm.json`.
pub fn write_vmm(profile: &Profile) -> Result<(), Error> {
    let document = json!({
        "pid": std::process::id(),
        "start_time": start_time()?,
        "role": "vm",
        "parent": profile.parent,
        "generation": profile.generation,
        "created": unix_time(),
    });
    let path = profile.directory.join("vmm.json");
    write_atomically(&path, format!("{document}\n").as_bytes())
        .map_err(Error::host(path.display().to_string()))
}

/// Writes a clone's `config.json`: what it was asked to be.
pub fn write_clone_config(profile: &Profile, spec: &super::CloneSpec) -> Result<(), Error> {
    let document = serde_json::to_string(spec).map_err(|e| Error::Request(e.to_string()))?;
    let path = profile.directory.join("config.json");
    write_atomically(&path, format!("{document}\n").as_bytes())
        .map_err(Error::host(path.display().to_string()))
}

/// Content of `exit.json`.
pub fn exit_document(ending: &Ending) -> Value {
    let mut document = json!({
        "status": ending.status(),
        "reason": ending.reason(),
        "signal": ending.signal(),
        "ended": unix_time(),
    });
    if let Some(message) = ending.message() {
        document["message"] = message.into();
    }
    document
}

/// Size of the file that waits beside `exit.json` to become it.
const RESERVED: usize = 4096;

/// Writes `exit.json`: over the file that the directory's maker has reserved for it, which works on a full disk too.
pub fn write_exit(directory: &Path, document: &Value) -> Result<(), Error> {
    let mut content = format!("{document}\n");
    if content.len() > RESERVED {
        // What a guest has to say may be long.
        let mut short = document.clone();
        let message = document["message"].as_str().unwrap_or_default();
        short["message"] = message.chars().take(RESERVED / 8).collect::<String>().into();
        content = format!("{short}\n");
    }
    let (path, reserved) = (directory.join("exit.json"), directory.join("exit.json.new"));
    std::fs::File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&reserved)
        .and_then(|mut file| {
            file.write_all(content.as_bytes())?;
            file.set_len(content.len() as u64)
        })
        .and_then(|()| std::fs::rename(&reserved, &path))
        .map_err(Error::host(path.display().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserved_file_becomes_the_end() {
        let directory = std::env::temp_dir().join(format!("ramet-exit-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let read = || std::fs::read_to_string(directory.join("exit.json")).unwrap();
        std::fs::write(directory.join("exit.json.new"), [0; RESERVED]).unwrap();
        write_exit(&directory, &json!({"status": 3})).unwrap();
        assert_eq!(read(), "{\"status\":3}\n");
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 1);
        // Nothing was reserved, and the guest says more than there is room for.
        write_exit(&directory, &json!({"status": 125, "message": "\u{1}".repeat(10_000)})).unwrap();
        assert!(read().len() <= RESERVED);
        let document: Value = serde_json::from_str(&read()).unwrap();
        assert_eq!(document["status"], 125);
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
