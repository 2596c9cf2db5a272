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
    assert_eq!(wait(&mut child).code(), Some(3));
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

#[test]
fn a_full_disk_is_the_guests_problem() {
    let scratch = Scratch::new();
    let path = scratch.0.join("vm/config.json");
    let config = config(&scratch, &guest(&scratch, "echo", None));
    std::fs::write(&path, config.to_string()).unwrap();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_ramet-vmm"))
        .arg("run")
        .arg(path)
        .stdin(std::process::Stdio::piped())
        .stdout(std::fs::File::options().write(true).open("/dev/full").unwrap())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    while stdin.write_all(b"x\n").is_ok() {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(wait(&mut child).code(), Some(3));
}
