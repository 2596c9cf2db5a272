//! Booting: what works, and what fails with one clear line.

mod common;

use common::*;
use serde_json::{Value, json};
use std::fs;

#[test]
fn the_contract_holds() {
    let scratch = Scratch::new();
    let kernel = guest(&scratch, "contract", None);
    let finished = finish(start(&scratch, &config(&scratch, &kernel)));
    assert_eq!(finished.status.code(), Some(42), "{}", finished.stderr);
    assert_eq!(finished.stdout, b"hi\n");
    assert_eq!(finished.stderr, "ramet: kernel: contract guest\n");
    let record = exit_record(&scratch.0.join("vm"));
    assert_eq!((&record["status"], &record["reason"]), (&json!(42), &json!("exited")));
    assert_eq!(names(&scratch.0.join("vm")), ["config.json", "exit.json", "vmm.json"]);
}

/// Runs a configuration that must fail; the one line on standard error.
fn failure(scratch: &Scratch, config: &Value) -> String {
    let finished = finish(start(scratch, config));
    assert_eq!(finished.status.code(), Some(125), "{}", finished.stderr);
    assert_eq!(finished.stderr.lines().count(), 1, "{}", finished.stderr);
    assert!(finished.stderr.starts_with("ramet: "), "{}", finished.stderr);
    let left = names(&scratch.0.join("vm"));
    assert!(left.iter().all(|n| n == "config.json" || n == "exit.json"), "{left:?}");
    finished.stderr
}

#[test]
fn bad_configurations_are_refused() {
    let scratch = Scratch::new();
    let kernel = guest(&scratch, "contract", None);
    let good = config(&scratch, &kernel);
    for (key, value, expected) in [
        ("memory", json!(1 << 20), "at least"),
        ("memory", json!(1u64 << 60), "at most"),
        ("memory", json!("much"), "invalid type"),
        ("id", json!("7"), "16 hexadecimal digits"),
        ("args", json!([]), "`args` is empty"),
        ("env", json!(["a\0b"]), "zero byte"),
        ("timeout", json!(-1), "positive"),
        ("directory", json!("/nowhere"), "not a directory"),
        ("colour", json!("blue"), "unknown field"),
        ("volumes", json!([{"host": "/tmp", "guest": "tmp"}]), "absolute"),
        ("volumes", json!([{"host": "/nowhere", "guest": "/tmp"}]), "No such file"),
        ("kernel", json!("/nowhere"), "No such file"),
        ("image", json!("/nowhere"), "No such file"),
    ] {
        let mut bad = good.clone();
        bad[key] = value;
        let line = failure(&scratch, &bad);
        assert!(line.contains(expected), "{key}: {line}");
    }
}

#[test]
fn bad_kernels_are_refused() {
    let scratch = Scratch::new();
    let good = fs::read(guest(&scratch, "contract", None)).unwrap();
    let path = scratch.0.join("bad");
    let mut cases: Vec<(Vec<u8>, &str)> = vec![
        (Vec::new(), "truncated"),
        (b"#!/bin/sh\n".to_vec(), "not an ELF"),
        (good[..60].to_vec(), "truncated"),
        (good[..100].to_vec(), "truncated"),
        (good[..good.len() / 3].to_vec(), "truncated"),
    ];
    let mut change = |offset: usize, bytes: &[u8], expected| {
        let mut bad = good.clone();
        bad[offset..offset + bytes.len()].copy_from_slice(bytes);
        cases.push((bad, expected));
    };
    change(18, &183u16.to_le_bytes(), "x86-64");
    change(16, &3u16.to_le_bytes(), "not a static executable");
    // The program header: address, size in the file, size in memory.
    change(64 + 16, &0x40_0000u64.to_le_bytes(), "outside the kernel");
    change(64 + 16, &u64::MAX.to_le_bytes(), "outside the kernel");
    change(64 + 40, &u64::MAX.to_le_bytes(), "outside the kernel");
    change(64 + 32, &u64::MAX.to_le_bytes(), "outside the kernel");
    change(64 + 8, &u64::MAX.to_le_bytes(), "truncated");
    change(32, &u64::MAX.to_le_bytes(), "truncated");
    change(0x1000, b"NOTRAMET", "no kernel header");
    change(0x1008, &9u32.to_le_bytes(), "ABI version 9");
    change(0x1010, &0x1000u64.to_le_bytes(), "entry point");
    for (bytes, expected) in cases {
        fs::write(&path, bytes).unwrap();
        let line = failure(&scratch, &config(&scratch, &path));
        assert!(line.contains(expected), "{line}");
    }
}

#[test]
fn bad_images_are_refused() {
    let scratch = Scratch::new();
    let kernel = guest(&scratch, "contract", None);
    let image = scratch.0.join("image");
    let mut good = vec![0u8; 8192];
    good[1024..1028].copy_from_slice(&0xe0f5_e1e2_u32.to_le_bytes());
    let mut with_image = config(&scratch, &kernel);
    with_image["image"] = json!(image);
    for (bytes, expected) in
        [(good[..1000].to_vec(), "truncated"), (good[..8000].to_vec(), "multiple"), (vec![0; 8192], "magic")]
    {
        fs::write(&image, bytes).unwrap();
        let line = failure(&scratch, &with_image);
        assert!(line.contains(expected), "{line}");
    }
    fs::write(&image, good).unwrap();
    assert_eq!(finish(start(&scratch, &with_image)).status.code(), Some(42));
}

#[test]
fn doctor_knows_this_host() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_ramet-vmm"))
        .args(["doctor", "--json"])
        .output()
        .unwrap();
    assert!(output.status.success());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["kvm"], true);
    assert!(["vmx", "svm", "software"].contains(&report["kind"].as_str().unwrap()));
    assert!(report["exit_seconds"].as_f64().unwrap() > 1e-7);
}
