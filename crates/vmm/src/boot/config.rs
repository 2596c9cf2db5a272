//! `CONFIG.json`: what the VM is to be (`docs/spec/control.md`).

use super::text::{self, Text};
use ramet_abi::layout::RAM_MAX;
use ramet_memory::MIN_RAM;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// A host directory in the guest.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Volume {
    /// Path on the host.
    #[serde(deserialize_with = "text::path")]
    pub host: PathBuf,
    /// Mount point in the guest.
    pub guest: Text,
    /// Enforced by the VMM.
    #[serde(default)]
    pub read_only: bool,
}

/// The configuration of a booted VM. Unknown keys are refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// 16 hexadecimal digits, unique.
    pub id: String,
    /// For people.
    pub name: String,
    /// The VM's own directory, which exists.
    pub directory: PathBuf,
    /// Guest kernel (ELF).
    pub kernel: PathBuf,
    /// Image (EROFS); a VM without one has nothing but its kernel.
    #[serde(default)]
    pub image: Option<PathBuf>,
    /// RAM limit, bytes.
    pub memory: u64,
    /// The program and its arguments.
    pub args: Vec<Text>,
    /// `NAME=VALUE` strings.
    #[serde(default)]
    pub env: Vec<Text>,
    /// Working directory of the program.
    #[serde(default = "root")]
    pub cwd: Text,
    /// `uid[:gid]` or a name of the image.
    #[serde(default = "superuser")]
    pub user: String,
    /// Host name in the guest.
    #[serde(default = "ramet")]
    pub hostname: String,
    /// Host directories.
    #[serde(default)]
    pub volumes: Vec<Volume>,
    /// The console is a terminal.
    #[serde(default)]
    pub tty: bool,
    /// Trace system calls to standard error.
    #[serde(default)]
    pub strace: bool,
    /// Seconds after which the VM is ended.
    #[serde(default)]
    pub timeout: Option<f64>,
    /// Most processes of a session beside the first.
    #[serde(default = "many")]
    pub max_clones: u32,
    /// Most bytes of RAM of all VMs of the session together.
    #[serde(default)]
    pub session_memory: Option<u64>,
    /// Patch system call sites.
    #[serde(default = "yes")]
    pub patch_syscalls: bool,
    /// In the background: signals are not for the program.
    #[serde(default)]
    pub detached: bool,
}

fn root() -> Text {
    "/".into()
}
fn superuser() -> String {
    "0:0".into()
}
fn ramet() -> String {
    "ramet".into()
}
fn many() -> u32 {
    4095
}
fn yes() -> bool {
    true
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not JSON, or not of this form.
    #[error("{path}: {source}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and what.
        source: serde_json::Error,
    },
    /// A value that makes no sense.
    #[error("configuration: {0}")]
    Value(String),
}

impl Config {
    /// Reads a configuration file. Its values are still to be checked ([`Config::check`]).
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read(path).map_err(|source| ConfigError::Read { path: path.into(), source })?;
        serde_json::from_slice(&text).map_err(|source| ConfigError::Parse { path: path.into(), source })
    }

    /// Checks the values.
    pub fn check(&self) -> Result<(), ConfigError> {
        let value = |text: String| Err(ConfigError::Value(text));
        check_id(&self.id).map_err(ConfigError::Value)?;
        if self.memory < MIN_RAM {
            return value(format!("`memory` is {} bytes; at least {MIN_RAM} are needed", self.memory));
        }
        if self.memory > RAM_MAX {
            return value(format!("`memory` is {} bytes; at most {RAM_MAX} are possible", self.memory));
        }
        if self.args.first().is_none_or(|name| name.is_empty()) {
            return value("`args` is empty: name the program to run".into());
        }
        check_timeout(self.timeout).map_err(ConfigError::Value)?;
        let strings =
            self.args.iter().chain(&self.env).chain([&self.cwd]).chain(self.volumes.iter().map(|v| &v.guest));
        let names = [&self.user, &self.hostname].map(|name| name.as_bytes());
        if strings.map(|text| &text[..]).chain(names).any(|s| s.contains(&0)) {
            return value("a string contains a zero byte".into());
        }
        if let Some(v) = self.volumes.iter().find(|v| !v.guest.starts_with(b"/")) {
            return value(format!("volume mount point {:?} is not an absolute path", v.guest));
        }
        if !self.directory.is_dir() {
            return value(format!("`directory` {} is not a directory", self.directory.display()));
        }
        Ok(())
    }
}

/// Checks a VM id: 16 hexadecimal digits.
pub fn check_id(id: &str) -> Result<(), String> {
    if id.len() == 16 && id.bytes().all(|b| b.is_ascii_hexdigit()) {
        Ok(())
    } else {
        Err(format!("`id` {id:?} is not 16 hexadecimal digits"))
    }
}

/// Checks a timeout: positive seconds.
pub fn check_timeout(timeout: Option<f64>) -> Result<(), String> {
    match timeout {
        Some(seconds) if !(seconds > 0.0 && seconds < 1e10) => {
            Err(format!("`timeout` {seconds} is not a positive number of seconds"))
        }
        _ => Ok(()),
    }
}
