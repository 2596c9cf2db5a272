//! Freezing and cloning.

mod common;

use common::*;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::fs;
use std::io::Read;

fn frozen(scratch: &Scratch) -> (std::process::Child, Control) {
    let child = start(scratch, &config(scratch, &guest(scratch, "clones", None)));
    let mut control = Control::connect(&scratch.0.join("vm"));
    control.ok(json!({"op": "wait_ready"}));
    control.ok(json!({"op": "freeze"}));
    (child, control)
}

#[test]
fn clones_of_a_template_differ_where_they_must() {
    let scratch = Scratch::new();
    let (mut child, mut control) = frozen(&scratch);
    let clones: Vec<Clone> = (0..20).map(|_| clone(&scratch, &mut control, &json!({}))).collect();
    let mut seen = HashSet::new();
    for made in clones {
        let directory = made.directory.clone();
        let (requested, forked) = (made.answer["requested_tsc"].as_u64(), made.answer["forked_tsc"].as_u64());
        assert_eq!(made.answer["generation"], 1);
        let (output, status) = made.finish();
        assert_eq!(status["status"], 1, "{status}");
        assert_eq!((output[0].as_str(), output[2].as_str()), ("0000000000000001", "0000000000000001"));
        assert!(seen.insert(output[1].clone()), "the same random bytes twice");
        let first = u64::from_str_radix(&output[3], 16).ok();
        assert!(requested < forked && requested < first);
        assert_eq!(names(&directory), ["config.json", "exit.json", "vmm.json"]);
    }
    // One thread, no dead children, nothing open but its own. Those that it has made ahead leave when none is wanted.
    control.ok(json!({"op": "pool", "pool": {"target": 0, "maximum": 0}}));
    let proc = format!("/proc/{}", child.id());
    assert_eq!(fs::read_dir(format!("{proc}/task")).unwrap().count(), 1);
    let children = format!("{proc}/task/{}/children", child.id());
    for _ in 0..500 {
        if fs::read_to_string(&children).unwrap().trim().is_empty() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(fs::read_to_string(&children).unwrap().trim(), "");
    let open: Vec<_> = names(format!("{proc}/fd").as_ref())
        .iter()
        .map(|fd| fs::read_link(format!("{proc}/fd/{fd}")).unwrap())
        .collect();
    assert!(open.len() < 16, "{open:?}");
    control.ok(json!({"op": "kill"}));
    assert_eq!(wait(&mut child).code(), Some(137));
}

#[test]
fn a_template_does_nothing_else() {
    let scratch = Scratch::new();
    let (mut child, mut control) = frozen(&scratch);
    assert_eq!(control.ok(json!({"op": "info"}))["state"], "frozen");
    for operation in ["pause", "resume", "freeze"] {
        assert_eq!(control.ask(json!({"op": operation}))["ok"], false, "{operation}");
    }
    assert_eq!(control.ask(json!({"op": "signal", "signal": 1}))["ok"], false);
    // Its streams are closed.
    let mut rest = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty());
    control.ok(json!({"op": "kill"}));
    wait(&mut child);
}

#[test]
fn a_running_vm_is_cloned_and_goes_on() {
    let scratch = Scratch::new();
    let mut child = start(&scratch, &config(&scratch, &guest(&scratch, "clones", None)));
    let mut control = Control::connect(&scratch.0.join("vm"));
    control.ok(json!({"op": "wait_ready"}));
    for _ in 0..5 {
        let (output, status) = clone(&scratch, &mut control, &json!({})).finish();
        assert_eq!((output[2].as_str(), &status["status"]), ("0000000000000001", &json!(1)));
    }
    assert_eq!(control.ok(json!({"op": "info"}))["state"], "running");
    control.ok(json!({"op": "signal", "signal": 3}));
    assert_eq!(wait(&mut child).code(), Some(103));
}

#[test]
fn clones_of_clones() {
    let scratch = Scratch::new();
    let (mut child, mut control) = frozen(&scratch);
    let mut made: Vec<Clone> = Vec::new();
    for generation in 1..=10u64 {
        let mut parent = made.last().map(|c| Control::connect(&c.directory));
        let stay = json!({"input": "!", "args": ["x"], "env": {"A": "b"}});
        let mut next = clone(&scratch, parent.as_mut().unwrap_or(&mut control), &stay);
        let mut line = [0; 17];
        next.stdout.read_exact(&mut line).unwrap();
        assert_eq!(line.trim_ascii(), format!("{generation:016x}").as_bytes());
        assert_eq!(next.answer["generation"], generation);
        made.push(next);
    }
    // In any order: none depends on its parent.
    for next in made {
        Control::connect(&next.directory).ok(json!({"op": "signal", "signal": 10}));
        let (_, status) = next.finish();
        assert_eq!(status["status"], 110, "{status}");
    }
    control.ok(json!({"op": "kill"}));
    wait(&mut child);
}

#[test]
fn a_paused_clone_waits() {
    let scratch = Scratch::new();
    let (mut child, mut control) = frozen(&scratch);
    let made = clone(&scratch, &mut control, &json!({"paused": true}));
    let mut theirs = Control::connect(&made.directory);
    assert_eq!(theirs.ok(json!({"op": "info"}))["state"], "paused");
    theirs.ok(json!({"op": "resume"}));
    let (output, status) = made.finish();
    assert_eq!((output.len(), &status["status"]), (4, &json!(1)));
    control.ok(json!({"op": "kill"}));
    wait(&mut child);
}

#[test]
fn the_end_of_a_clone_is_known() {
    let scratch = Scratch::new();
    let (mut child, mut control) = frozen(&scratch);
    let stay = json!({"input": "!"});
    let limited = clone(&scratch, &mut control, &json!({"input": "!", "timeout": 0.2}));
    let killed = clone(&scratch, &mut control, &stay);
    let murdered = clone(&scratch, &mut control, &stay);
    let failed = clone(&scratch, &mut control, &json!({"input": "x".repeat(3 << 20)}));
    Control::connect(&killed.directory).ok(json!({"op": "kill"}));
    Control::connect(&murdered.directory).ok(json!({"op": "info"}));
    // SAFETY: the process is a clone that this test made.
    unsafe { libc::kill(murdered.answer["pid"].as_i64().unwrap() as i32, libc::SIGKILL) };
    assert_eq!(limited.finish().1["reason"], "timeout");
    assert_eq!(killed.finish().1["reason"], "killed");
    let directory = murdered.directory.clone();
    assert_eq!(murdered.finish().1, Value::Null);
    assert!(!directory.join("exit.json").exists());
    let directory = failed.directory.clone();
    let (_, status) = failed.finish();
    assert_eq!((&status["reason"], &status["status"]), (&json!("failed"), &json!(125)));
    assert!(status["message"].as_str().unwrap().contains("bytes"));
    assert_eq!(exit_record(&directory)["reason"], "failed");
    // The template is none the worse.
    assert_eq!(clone(&scratch, &mut control, &json!({})).finish().1["status"], 1);
    control.ok(json!({"op": "kill"}));
    wait(&mut child);
}

#[test]
fn clones_outlive_their_template() {
    let scratch = Scratch::new();
    let (mut child, mut control) = frozen(&scratch);
    let mut made = clone(&scratch, &mut control, &json!({"input": "!"}));
    let mut theirs = Control::connect(&made.directory);
    // It runs when it has printed something.
    made.stdout.read_exact(&mut [0; 1]).unwrap();
    let info = theirs.ok(json!({"op": "info"}));
    assert!(info["first_instruction_tsc"].as_u64() > made.answer["requested_tsc"].as_u64(), "{info}");
    child.kill().unwrap();
    child.wait().unwrap();
    theirs.ok(json!({"op": "signal", "signal": 5}));
    assert_eq!(made.finish().1["status"], 105);
}

#[test]
fn a_clone_inherits_no_descriptor() {
    let scratch = Scratch::new();
    let (mut child, mut control) = frozen(&scratch);
    let made = clone(&scratch, &mut control, &json!({"input": "!"}));
    Control::connect(&made.directory).ok(json!({"op": "info"}));
    let own = made.directory.display().to_string();
    let pid = made.answer["pid"].as_i64().unwrap();
    let template: HashSet<String> =
        links(child.id().into()).into_iter().filter(|l| l.starts_with("socket:")).collect();
    for link in links(pid) {
        assert!(!template.contains(&link), "{link} is the template's; the clone is {own}");
    }
    Control::connect(&made.directory).ok(json!({"op": "kill"}));
    control.ok(json!({"op": "kill"}));
    wait(&mut child);
}

fn links(pid: i64) -> Vec<String> {
    let fds = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    fds.filter_map(|e| fs::read_link(e.unwrap().path()).ok()).map(|l| l.display().to_string()).collect()
}
