//! Orders to a VM from outside, and copying a VM with fork(2).

mod desk;
mod exec;
mod files;
mod fork;
mod profile;

pub use desk::{Answer, CloneOrder, Desk, Order, Refusal, State, Streams, Ticket};
pub use exec::{ExecOrder, ExecSpec};
pub use files::{SOCKET, exit_document, write_clone_config, write_exit, write_vmm};
pub use fork::{Birth, Forked, Stopped, adopt_descriptors, close_all_but, fork, learn_working_set, rebuild};
pub use profile::{CloneSpec, Profile};
