//! Guests that break the contract end themselves, and nothing else.

mod common;

use common::*;
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;

fn broken(case: u32) -> Finished {
    let scratch = Scratch::new();
    let mut config = config(&scratch, &guest(&scratch, "hostile", Some(case)));
    config["timeout"] = json!(3);
    let finished = finish(start(&scratch, &config));
    assert!(finished.stderr.lines().count() <= 1, "{}", finished.stderr);
    assert!(!finished.stderr.contains("panicked"), "{}", finished.stderr);
    finished
}

#[test]
fn impossible_ring_indices_end_the_guest() {
    for case in [1, 2] {
        let finished = broken(case);
        assert_eq!(finished.status.code(), Some(125));
        assert!(finished.stderr.contains("broke console ring"), "{}", finished.stderr);
    }
}

#[test]
fn memory_that_is_not_there_ends_the_guest() {
    let finished = broken(3);
    assert_eq!(finished.status.code(), Some(125), "{}", finished.stderr);
}

#[test]
fn broken_tables_end_the_guest() {
    for case in [4, 5] {
        let status = broken(case).status.code();
        // Where KVM keeps trying, the time limit ends it.
        assert!(matches!(status, Some(124 | 125)), "case {case}: {status:?}");
    }
}

#[test]
fn garbage_in_hypercalls_is_refused() {
    let finished = broken(6);
    assert_eq!(finished.status.code(), Some(7), "{}", finished.stderr);
}

#[test]
fn a_panic_message_is_one_harmless_line() {
    let finished = broken(7);
    assert_eq!(finished.status.code(), Some(125));
    assert!(finished.stderr.starts_with("ramet: guest kernel panic"));
    assert!(!finished.stderr.contains('\x1b'));
}

#[test]
fn stubs_ports_are_not_for_programs() {
    // A protection fault, which this guest answers by giving up.
    let finished = broken(8);
    assert_eq!(finished.status.code(), Some(125));
    assert!(finished.stderr.contains("panic"), "{}", finished.stderr);
}

#[test]
fn a_truncated_file_is_the_guests_fault_to_handle() {
    let scratch = Scratch::new();
    let volume = directory(&scratch, "volume");
    fs::set_permissions(&volume, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(volume.join("data"), [b'A'; 8192]).unwrap();
    let mut config = config(&scratch, &guest(&scratch, "volume", None));
    config["volumes"] = json!([{"host": volume, "guest": "/volume", "read_only": true}]);
    let child = start(&scratch, &config);
    let mut control = Control::connect(&scratch.0.join("vm"));
    control.ok(json!({"op": "wait_ready"}));
    fs::File::options().write(true).open(volume.join("data")).unwrap().set_len(100).unwrap();
    control.ok(json!({"op": "signal", "signal": 1}));
    let finished = finish(child);
    assert_eq!(finished.stdout, b"A");
    // Page 1 of the window, plus 1.
    assert_eq!(finished.status.code(), Some(2), "{}", finished.stderr);
}

#[test]
fn a_clone_has_the_mapped_file_too() {
    let scratch = Scratch::new();
    let volume = directory(&scratch, "volume");
    fs::write(volume.join("data"), [b'A'; 8192]).unwrap();
    let mut config = config(&scratch, &guest(&scratch, "volume", None));
    config["volumes"] = json!([{"host": volume, "guest": "/volume"}]);
    let mut child = start(&scratch, &config);
    let mut control = Control::connect(&scratch.0.join("vm"));
    control.ok(json!({"op": "wait_ready"}));
    control.ok(json!({"op": "freeze"}));
    let made = clone(&scratch, &mut control, &json!({}));
    let mut theirs = Control::connect(&made.directory);
    fs::File::options().write(true).open(volume.join("data")).unwrap().set_len(0).unwrap();
    theirs.ok(json!({"op": "signal", "signal": 1}));
    // Both pages are gone: the first missing one is page 0.
    let status = made.finish().1["status"].clone();
    assert!(status == 1 || status == 2, "{status}");
    control.ok(json!({"op": "kill"}));
    wait(&mut child);
}
