//! Ramet's virtual machine monitor: one process, one VM.
//!
//! Stages, each of which uses only those before it: [`hostfs`], [`vm`] (the parts), [`boot`], [`run`], [`clone`], [`io`];
//! [`life`] puts them together.

pub mod boot;
pub mod clone;
pub mod doctor;
pub mod hostfs;
pub mod io;
pub mod life;
pub mod run;
pub mod vm;

/// Writes one line to standard error. One that is gone is not worth dying for.
pub fn complain(message: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "ramet: {message}");
}
