//! Orders to a VM from outside, and copying a VM with fork(2).

mod desk;
mod exec;
mod files;
mod fork;
mod profile;
mod reset;
mod settings;

pub use desk::{Answer, CloneOrder, Desk, Order, Refusal, Rewound, State, Streams, Ticket};
pub use exec::{ExecOrder, ExecSpec};
pub use files::{
    SOCKET, exit_document, make_directory, start_time, write_clone_config, write_exit, write_vmm,
};
pub use fork::{
    Assembled, Birth, Forked, Membership, Stopped, adopt_descriptors, assemble, begin, begin_member,
    close_all_but, fork, identity, learn, list_touches, note_origin, rebuild, renew_objects, use_streams,
};
pub use profile::{CloneSpec, Profile};
pub use reset::{BYTES_MOST, ResetOrder, ResetSpec, WriteSpec};
pub use settings::{FreezeSettings, PoolSettings};
