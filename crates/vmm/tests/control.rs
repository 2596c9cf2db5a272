//! The control socket of a running VM.

mod common;

use common::*;
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_vm_tells_about_itself() {
    let scratch = Scratch::new();
    let mut child = start(&scratch, &config(&scratch, &guest(&scratch, "clones", None)));
    let directory = scratch.0.join("vm");
    let mut control = Control::connect(&directory);
    control.ok(json!({"op": "wait_ready", "timeout": 10}));
    let info = control.ok(json!({"op": "info"}));
    assert_eq!(info["pid"], child.id());
    assert_eq!((&info["state"], &info["ready"]), (&json!("running"), &json!(true)));
    assert_eq!(info["memory"], json!({"limit": 256 << 20, "present": 32 << 20}));
    let record: serde_json::Value =
        serde_json::from_slice(&fs::read(directory.join("vmm.json")).unwrap()).unwrap();
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
    assert_eq!(
        record["start_time"].to_string(),
        stat.rsplit_once(')').unwrap().1.split_whitespace().nth(19).unwrap()
    );
    assert_eq!((&record["role"], &record["generation"]), (&json!("vm"), &json!(0)));
    assert_eq!(fs::metadata(directory.join("control.sock")).unwrap().permissions().mode() & 0o777, 0o600);
    let mut waiter = Control::connect(&directory);
    control.ok(json!({"op": "signal", "signal": 2}));
    let answer = waiter.ask(json!({"op": "wait"}));
    assert_eq!((&answer["status"], &answer["reason"]), (&json!(102), &json!("exited")));
    assert_eq!(wait(&mut child).code(), Some(102));
    assert_eq!(names(&directory), ["config.json", "exit.json", "vmm.json"]);
}

#[test]
fn bad_requests_get_an_answer() {
    let scratch = Scratch::new();
    let mut child = start(&scratch, &config(&scratch, &guest(&scratch, "clones", None)));
    let mut control = Control::connect(&scratch.0.join("vm"));
    for bad in [
        json!({"op": "dance"}),
        json!({"op": "signal", "signal": 0}),
        json!({"op": "signal", "signal": 65}),
        json!({"op": "signal"}),
        json!([]),
        json!({"op": "clone", "clone": {"id": "1"}}),
        json!({"op": "clone", "clone": {"id": "00000000000000bb", "name": "c", "directory": scratch.0}}),
        json!({"op": "wait_ready", "timeout": 1, "extra": 1}),
    ] {
        let answer = control.ask(bad.clone());
        assert_eq!(answer["ok"], false, "{bad}");
        assert!(!answer["error"].as_str().unwrap().is_empty());
    }
    let answer = control.ask(json!({"op": "signal", "signal": 99}));
    assert_eq!(answer["errno"], "EINVAL");
    control.ok(json!({"op": "kill"}));
    assert_eq!(wait(&mut child).code(), Some(137));
    assert_eq!(exit_record(&scratch.0.join("vm"))["reason"], "killed");
}

#[test]
fn pause_stops_and_resume_goes_on() {
    let scratch = Scratch::new();
    let mut child = start(&scratch, &config(&scratch, &guest(&scratch, "clones", None)));
    let mut control = Control::connect(&scratch.0.join("vm"));
    control.ok(json!({"op": "wait_ready"}));
    control.ok(json!({"op": "pause"}));
    assert_eq!(control.ok(json!({"op": "info"}))["state"], "paused");
    control.ok(json!({"op": "signal", "signal": 1}));
    std::thread::sleep(std::time::Duration::from_millis(50));
    assert!(child.try_wait().unwrap().is_none());
    control.ok(json!({"op": "resume"}));
    assert_eq!(wait(&mut child).code(), Some(101));
}

#[test]
fn time_is_up() {
    let scratch = Scratch::new();
    let mut config = config(&scratch, &guest(&scratch, "clones", None));
    config["timeout"] = json!(0.3);
    let mut child = start(&scratch, &config);
    let mut control = Control::connect(&scratch.0.join("vm"));
    assert_eq!(control.ask(json!({"op": "wait"}))["reason"], "timeout");
    assert_eq!(wait(&mut child).code(), Some(124));
}

#[test]
fn waiting_for_ready_ends() {
    let scratch = Scratch::new();
    let mut child = start(&scratch, &config(&scratch, &guest(&scratch, "echo", None)));
    let directory = scratch.0.join("vm");
    let mut control = Control::connect(&directory);
    let answer = control.ask(json!({"op": "wait_ready", "timeout": 0.05}));
    assert_eq!(answer["errno"], "ETIMEDOUT");
    let waiter = std::thread::spawn(move || control.ask(json!({"op": "wait_ready"})));
    Control::connect(&directory).ok(json!({"op": "kill"}));
    assert_eq!(waiter.join().unwrap()["ok"], false);
    wait(&mut child);
}

#[test]
fn signals_to_the_vmm_go_to_the_program() {
    let scratch = Scratch::new();
    let mut child = start(&scratch, &config(&scratch, &guest(&scratch, "clones", None)));
    Control::connect(&scratch.0.join("vm")).ok(json!({"op": "wait_ready"}));
    // SAFETY: the process is this test's child and has not been waited for.
    unsafe { libc::kill(child.id() as i32, libc::SIGTERM) };
    assert_eq!(wait(&mut child).code(), Some(115));
}

#[test]
fn a_detached_vm_ends_at_sigterm_only() {
    let scratch = Scratch::new();
    let mut config = config(&scratch, &guest(&scratch, "clones", None));
    config["detached"] = json!(true);
    let mut child = start(&scratch, &config);
    let mut control = Control::connect(&scratch.0.join("vm"));
    control.ok(json!({"op": "wait_ready"}));
    for signal in [libc::SIGINT, libc::SIGHUP, libc::SIGUSR1] {
        // SAFETY: as above.
        unsafe { libc::kill(child.id() as i32, signal) };
    }
    control.ok(json!({"op": "info"}));
    // SAFETY: as above.
    unsafe { libc::kill(child.id() as i32, libc::SIGTERM) };
    assert_eq!(wait(&mut child).code(), Some(137));
}

#[test]
fn kicks_change_no_result() {
    let scratch = Scratch::new();
    let mut child = start(&scratch, &config(&scratch, &guest(&scratch, "kicks", None)));
    let mut control = Control::connect(&scratch.0.join("vm"));
    control.ok(json!({"op": "wait_ready"}));
    let mut kicks = 0;
    while child.try_wait().unwrap().is_none() {
        // SAFETY: the process is this test's child and has not been waited for.
        unsafe { libc::kill(child.id() as i32, libc::SIGUSR1) };
        std::thread::sleep(std::time::Duration::from_micros(200 + kicks * 37 % 400));
        kicks += 1;
    }
    let finished = finish(child);
    assert_eq!(finished.status.code(), Some(42), "{kicks} kicks: {}", finished.stderr);
    assert!(kicks > 20);
}
