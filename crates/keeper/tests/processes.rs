//! The process model, without VMs.

mod common;

use common::{FIRST, Harness, numbers};
use ramet_abi::session::{notice, op};

#[test]
fn a_child_ends_and_its_parent_is_told() {
    let mut h = Harness::new();
    let child = h.fork(h.first).unwrap();
    let pid = h.vms[&child].pid;
    assert_eq!(pid, FIRST + 1);
    assert_eq!(h.call(h.first, op::WAIT, &[0, 0, 4]), 0);
    h.exit(child, 7 << 8);
    let told = h.notices(h.first);
    assert_eq!(told.iter().map(|n| n.kind).collect::<Vec<_>>(), [notice::CHILD, notice::SIGNAL]);
    assert_eq!((told[1].detail, told[1].values), (17, [1, pid as u64, 0, 7]));
    let answer = h.ask(h.first, numbers(op::WAIT, &[0, 0, 4]), &[]);
    assert_eq!(
        (answer.result, answer.values[0], answer.values[1], answer.values[6]),
        (pid.into(), 1, 7, 7 << 8)
    );
    assert_eq!(h.call(h.first, op::WAIT, &[0, 0, 4]), -10);
}
