//! The files in a VM's directory.

use super::Profile;
use crate::vm::{Ending, Error, realtime};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;

/// Name of the control socket in a VM's directory.
pub const SOCKET: &str = "control.sock";

fn unix_time() -> f64 {
    realtime() as f64 / 1e9
}

/// Field 22 of `/proc/self/stat`: start time in clock ticks since boot. Together with the pid it names a process.
fn start_time() -> Result<u64, Error> {
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

/// Writes `exit.json`.
pub fn write_exit(directory: &Path, document: &Value) -> Result<(), Error> {
    let path = directory.join("exit.json");
    write_atomically(&path, format!("{document}\n").as_bytes())
        .map_err(Error::host(path.display().to_string()))
}
