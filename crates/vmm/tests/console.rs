//! Standard streams.

mod common;

use common::*;
use serde_json::json;
use std::io::{Read, Write};
use std::time::Duration;

#[test]
fn every_byte_arrives() {
    let scratch = Scratch::new();
    let mut child = start(&scratch, &config(&scratch, &guest(&scratch, "echo", None)));
    let sent: Vec<u8> = (0..1_000_003u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut stdin = child.stdin.take().unwrap();
    let copy = sent.clone();
    let writer = std::thread::spawn(move || stdin.write_all(&copy));
    let finished = finish(child);
    writer.join().unwrap().unwrap();
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    assert!(finished.stdout == sent, "{} bytes of {}", finished.stdout.len(), sent.len());
}

#[test]
fn a_line_is_answered_at_once() {
    let scratch = Scratch::new();
    let mut child = start(&scratch, &config(&scratch, &guest(&scratch, "echo", None)));
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    for line in [&b"one\n"[..], b"two\n"] {
        stdin.write_all(line).unwrap();
        let mut echo = [0; 4];
        stdout.read_exact(&mut echo).unwrap();
        assert_eq!(echo, line);
    }
    drop(stdin);
    assert_eq!(wait(&mut child).code(), Some(0));
}

#[test]
fn a_reader_that_goes_away_is_noticed() {
    let scratch = Scratch::new();
    let mut child = start(&scratch, &config(&scratch, &guest(&scratch, "echo", None)));
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    // Fails when the VM has ended, which is what it is to do.
    while stdin.write_all(b"x\n").is_ok() {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(wait(&mut child).code(), Some(libc::EPIPE));
}

#[test]
fn a_reader_that_stops_reading_holds_up_nothing_else() {
    let scratch = Scratch::new();
    let mut child = start(&scratch, &config(&scratch, &guest(&scratch, "echo", None)));
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(&vec![b'x'; 1 << 20]));
    let mut control = Control::connect(&scratch.0.join("vm"));
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(control.ok(json!({"op": "info"}))["state"], "running");
    control.ok(json!({"op": "kill"}));
    assert_eq!(wait(&mut child).code(), Some(137));
    assert!(writer.join().unwrap().is_err());
}

/// The guest that echoes, its output on a full disk.
fn start_full(scratch: &Scratch) -> std::process::Child {
    let path = scratch.0.join("vm/config.json");
    let config = config(scratch, &guest(scratch, "echo", None));
    std::fs::write(&path, config.to_string()).unwrap();
    std::process::Command::new(env!("CARGO_BIN_EXE_ramet-vmm"))
        .arg("run")
        .arg(path)
        .stdin(std::process::Stdio::piped())
        .stdout(std::fs::File::options().write(true).open("/dev/full").unwrap())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap()
}

const FULL: &str = "ramet: standard output is not complete: No space left on device (os error 28)\n";

#[test]
fn a_full_disk_is_an_error_of_the_next_write() {
    let scratch = Scratch::new();
    let mut child = start_full(&scratch);
    let mut stdin = child.stdin.take().unwrap();
    while stdin.write_all(b"x\n").is_ok() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let finished = finish(child);
    assert_eq!((finished.status.code(), finished.stderr.as_str()), (Some(libc::ENOSPC), FULL));
}

#[test]
fn output_that_is_lost_at_the_end_is_no_success() {
    let scratch = Scratch::new();
    let mut child = start_full(&scratch);
    // One byte, and the end of input with it: the guest sees no error.
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"x").unwrap();
    drop(stdin);
    let finished = finish(child);
    let code = finished.status.code();
    // The guest may have seen the error after all, if it was slow.
    assert!(matches!(code, Some(1 | libc::ENOSPC)), "{code:?}");
    assert_eq!(finished.stderr, FULL);
    let ended: serde_json::Value =
        serde_json::from_slice(&std::fs::read(scratch.0.join("vm/exit.json")).unwrap()).unwrap();
    assert_eq!((&ended["status"], &ended["reason"]), (&json!(code), &json!("exited")));
    assert_eq!(format!("ramet: {}\n", ended["message"].as_str().unwrap()), FULL);
}
