//! A process to be added to a VM's session (`EXEC` of `docs/spec/control.md`).

use crate::boot::Text;
use serde::Deserialize;
use std::os::fd::OwnedFd;

/// What is to be run. Unknown keys are refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecSpec {
    /// The program and its arguments.
    pub args: Vec<Text>,
    /// `NAME=VALUE` strings.
    #[serde(default)]
    pub env: Vec<Text>,
    /// Working directory.
    #[serde(default = "root")]
    pub cwd: Text,
    /// `uid[:gid]` or a name of the image.
    #[serde(default = "superuser")]
    pub user: String,
    /// Rows and columns: the process gets a terminal.
    #[serde(default)]
    pub terminal: Option<(u32, u32)>,
}

fn root() -> Text {
    "/".into()
}

fn superuser() -> String {
    "0".into()
}

impl ExecSpec {
    /// Checks values; the text says what is wrong.
    pub fn check(&self) -> Result<(), String> {
        if self.args.first().is_none_or(|name| name.is_empty()) {
            return Err("`args` is empty: name the program to run".into());
        }
        let strings = self.args.iter().chain(&self.env).chain([&self.cwd]).map(|text| &text[..]);
        if strings.chain([self.user.as_bytes()]).any(|text| text.contains(&0)) {
            return Err("a string contains a zero byte".into());
        }
        Ok(())
    }
}

/// The same, with the descriptors that came with it.
#[derive(Debug)]
pub struct ExecOrder {
    /// What is to be run.
    pub spec: ExecSpec,
    /// Standard input, output and error, and where one line goes at the end.
    pub descriptors: [OwnedFd; 4],
}
