//! What a VM is called and how it was asked for: the part of a VM's state that the guest does not see.

use crate::boot::{Config, check_id, check_timeout};
use crate::session::keeper::default_memory;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// One VM, for the outside.
#[derive(Clone, Debug)]
pub struct Profile {
    /// 16 hexadecimal digits.
    pub id: String,
    /// For people.
    pub name: String,
    /// The VM's own directory.
    pub directory: PathBuf,
    /// Id of the VM that this one was cloned from.
    pub parent: Option<String>,
    /// 0, or the parent's plus one.
    pub generation: u64,
    /// The console is a terminal.
    pub tty: bool,
    /// Signals sent to the VMM are not for the program.
    pub detached: bool,
    /// Seconds until the VM is ended.
    pub timeout: Option<f64>,
    /// Most processes of its session beside the first.
    pub max_clones: u32,
    /// Most bytes of RAM of its session's VMs together.
    pub session_memory: u64,
}

impl Profile {
    /// Of a VM that boots.
    pub fn of_config(config: &Config) -> Self {
        Self {
            id: config.id.clone(),
            name: config.name.clone(),
            directory: config.directory.clone(),
            parent: None,
            generation: 0,
            tty: config.tty,
            detached: config.detached,
            timeout: config.timeout,
            max_clones: config.max_clones,
            session_memory: config.session_memory.unwrap_or_else(default_memory),
        }
    }

    /// Of a clone.
    pub fn of_clone(parent: &Profile, spec: &CloneSpec) -> Self {
        Self {
            id: spec.id.clone(),
            name: spec.name.clone(),
            directory: spec.directory.clone(),
            parent: Some(parent.id.clone()),
            generation: parent.generation + 1,
            tty: spec.tty,
            detached: true,
            timeout: spec.timeout,
            max_clones: parent.max_clones,
            session_memory: parent.session_memory,
        }
    }
}

/// `CLONE` of `docs/spec/control.md`. Unknown keys are refused.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CloneSpec {
    /// 16 hexadecimal digits, unique.
    pub id: String,
    /// For people.
    pub name: String,
    /// The clone's own directory, which exists unless there is a `record`.
    pub directory: PathBuf,
    /// For the program to read.
    #[serde(default)]
    pub args: Vec<String>,
    /// For the program to read.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// For the program to read.
    #[serde(default)]
    pub input: Option<String>,
    /// Seconds until the clone is ended.
    #[serde(default)]
    pub timeout: Option<f64>,
    /// Limit of RAM in bytes; the parent's if absent.
    #[serde(default)]
    pub memory: Option<u64>,
    /// The clone's console is a terminal.
    #[serde(default)]
    pub tty: bool,
    /// The vCPU does not run until `resume`.
    #[serde(default)]
    pub paused: bool,
    /// Host volumes stay as they were; otherwise they are read-only.
    #[serde(default)]
    pub share_volumes: bool,
    /// It can be reset, whether or not its template says so of all its clones.
    #[serde(default)]
    pub resettable: bool,
    /// The content of `record.json`: the clone makes its directory itself, when it runs.
    #[serde(default, skip_serializing)]
    pub record: Option<serde_json::Map<String, serde_json::Value>>,
}

impl CloneSpec {
    /// Checks values; the text says what is wrong.
    pub fn check(&self) -> Result<(), String> {
        check_id(&self.id)?;
        check_timeout(self.timeout)?;
        if self.record.is_none() && !self.directory.is_dir() {
            return Err(format!("`directory` {} is not a directory", self.directory.display()));
        }
        Ok(())
    }
}
