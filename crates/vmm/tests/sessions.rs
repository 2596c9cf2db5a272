//! Sessions: fork as a VM's program asks for it, and what is left when any of the processes ends.

mod common;

use common::*;
use serde_json::json;
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Child;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

fn guest_of(scratch: &Scratch, case: u32, count: u32) -> std::path::PathBuf {
    guest_with(scratch, "forks", &[("CASE", case), ("COUNT", count)])
}

/// Starts the guest `forks`.
fn begin(scratch: &Scratch, case: u32, count: u32) -> Child {
    start(scratch, &config(scratch, &guest_of(scratch, case, count)))
}

/// The numbers of the log line that the first process writes: slowest fork, refused forks, fastest fork, killed children.
fn report(stderr: &str) -> Vec<u64> {
    let line =
        stderr.lines().rfind(|l| l.starts_with("ramet: kernel: ")).unwrap_or_else(|| panic!("{stderr}"));
    line.split_whitespace().skip(2).map(|n| u64::from_str_radix(n, 16).unwrap()).collect()
}

/// Host processes of the session whose first VMM is `first`: the keeper's pid, if it lives, and those of the VMMs.
fn processes(scratch: &Scratch, first: u32) -> (Option<i32>, Vec<i32>) {
    let (mut keeper, mut vmms) = (None, Vec::new());
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<i32>() else { continue };
        // A process that ends meanwhile, or has ended, has none.
        let arguments = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let arguments: Vec<&[u8]> = arguments.split(|b| *b == 0).collect();
        if arguments.get(1) == Some(&&b"keeper"[..]) && arguments[2] == first.to_string().as_bytes() {
            keeper = Some(pid);
        } else if arguments.iter().any(|a| a.starts_with(scratch.0.as_os_str().as_encoded_bytes())) {
            vmms.push(pid);
        }
    }
    (keeper, vmms)
}

/// Waits until nothing of the session is left.
fn nothing_left(scratch: &Scratch, first: u32) {
    let start = Instant::now();
    loop {
        let left = processes(scratch, first);
        if left == (None, Vec::new()) {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "left: {left:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn kill(pid: i32) {
    // SAFETY: the process is one that this test started.
    unsafe { libc::kill(pid, libc::SIGKILL) };
}

#[test]
fn a_hundred_children_come_and_go() {
    let scratch = Scratch::new();
    let child = begin(&scratch, 0, 100);
    let first = child.id();
    let finished = finish(child);
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    let report = report(&finished.stderr);
    assert_eq!((report[1], report[3]), (0, 0));
    nothing_left(&scratch, first);
    assert_eq!(names(&scratch.0.join("vm")), ["config.json", "exit.json", "vmm.json"]);
}

#[test]
fn a_session_has_no_more_processes_than_it_may() {
    let scratch = Scratch::new();
    let mut few = config(&scratch, &guest_of(&scratch, 0, 10));
    few["max_clones"] = json!(4);
    let finished = finish(start(&scratch, &few));
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    // The ones that nobody has waited for count.
    assert_eq!(report(&finished.stderr)[1], 6);
}

#[test]
fn ten_generations() {
    let scratch = Scratch::new();
    let child = begin(&scratch, 2, 10);
    let first = child.id();
    let finished = finish(child);
    assert_eq!(finished.status.code(), Some(9), "{}", finished.stderr);
    assert_eq!(finished.stderr, "t\n".repeat(10));
    nothing_left(&scratch, first);
}

#[test]
fn the_parent_goes_on_before_the_child_begins() {
    let scratch = Scratch::new();
    let child = begin(&scratch, 4, 20);
    let finished = finish(child);
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    let stamps = |who: &str| -> Vec<u64> {
        let prefix = format!("ramet: kernel: {who} ");
        let of = |l: &str| l.strip_prefix(&prefix).map(|n| u64::from_str_radix(n, 16).unwrap());
        finished.stderr.lines().filter_map(of).collect()
    };
    let (parent, children) = (stamps("p"), stamps("c"));
    assert_eq!((parent.len(), children.len()), (20, 20), "{}", finished.stderr);
    // The host may give its processors to others for a while.
    let before = parent.iter().zip(&children).filter(|(p, c)| p < c).count();
    assert!(before >= 15, "{before} of 20");
}

/// Runs the guest, which forks 30 times, with a limit. `user`: as a real user who is not root, though it may do what root may.
fn limited(scratch: &Scratch, limit: libc::__rlimit_resource_t, most: u64, user: Option<u32>) -> Finished {
    const CAP_SYS_ADMIN: libc::c_ulong = 21;
    const CAP_SYS_RESOURCE: libc::c_ulong = 24;
    let kernel = guest_of(scratch, 0, 30);
    let mut command = command(scratch, &config(scratch, &kernel));
    // SAFETY: a few system calls between fork and exec.
    unsafe {
        command.pre_exec(move || {
            let check = |result| if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) };
            if let Some(user) = user {
                check(libc::prctl(libc::PR_CAPBSET_DROP, CAP_SYS_ADMIN, 0, 0, 0))?;
                check(libc::prctl(libc::PR_CAPBSET_DROP, CAP_SYS_RESOURCE, 0, 0, 0))?;
                check(libc::setresuid(user, 0, 0))?;
            }
            check(libc::setrlimit(limit, &libc::rlimit { rlim_cur: most, rlim_max: most }))
        });
    }
    let child = command.spawn().unwrap();
    let first = child.id();
    let finished = finish(child);
    nothing_left(scratch, first);
    finished
}

#[test]
fn a_fork_without_descriptors_is_refused_and_the_program_goes_on() {
    let scratch = Scratch::new();
    let finished = limited(&scratch, libc::RLIMIT_NOFILE, 90, None);
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
}

#[test]
fn a_fork_without_processes_is_refused_and_the_program_goes_on() {
    // SAFETY: no preconditions.
    let root = unsafe { libc::geteuid() } == 0;
    // The limit does not concern root: another user, of whom there is no process yet.
    let user = root.then_some(54_321);
    let most = if root { 6 } else { 4096 };
    let scratch = Scratch::new();
    let finished = limited(&scratch, libc::RLIMIT_NPROC, most, user);
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    if root {
        assert!(report(&finished.stderr)[1] > 0, "{}", finished.stderr);
    }
}

#[test]
fn a_session_ends_with_its_first_process() {
    for (operation, status) in [(json!({"op": "kill"}), 137), (json!({"op": "signal", "signal": 15}), 3)] {
        let scratch = Scratch::new();
        let mut child = begin(&scratch, 1, 10);
        let first = child.id();
        let mut control = Control::connect(&scratch.0.join("vm"));
        control.ok(json!({"op": "wait_ready"}));
        assert_eq!(processes(&scratch, first).1.len(), 11);
        control.ok(operation);
        assert_eq!(wait(&mut child).code(), Some(status));
        nothing_left(&scratch, first);
    }
    let scratch = Scratch::new();
    let mut timed = config(&scratch, &guest_of(&scratch, 3, 3));
    timed["timeout"] = json!(0.5);
    let mut child = start(&scratch, &timed);
    assert_eq!(wait(&mut child).code(), Some(124));
    nothing_left(&scratch, child.id());
}

#[test]
fn a_session_of_several_is_frozen_whole_and_ends_whole() {
    let scratch = Scratch::new();
    let mut child = begin(&scratch, 1, 2);
    let first = child.id();
    let mut control = Control::connect(&scratch.0.join("vm"));
    control.ok(json!({"op": "wait_ready"}));
    control.ok(json!({"op": "freeze"}));
    assert_eq!(control.ok(json!({"op": "info"}))["state"], "frozen");
    // None of them is gone, and none listens to a signal.
    assert_eq!(processes(&scratch, first).1.len(), 3);
    assert_eq!(control.ask(json!({"op": "signal", "signal": 10}))["ok"], false);
    control.ok(json!({"op": "kill"}));
    assert_eq!(wait(&mut child).code(), Some(137));
    nothing_left(&scratch, first);
}

#[test]
fn whoever_is_killed_nothing_is_left() {
    let mut seed = u64::from(std::process::id());
    let mut random = |most: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % most
    };
    for round in 0..30 {
        let scratch = Scratch::new();
        // Children that come and go, sleep, and compute.
        let (case, count) = [(0, 60), (1, 20), (3, 4)][round % 3];
        let mut child = begin(&scratch, case, count);
        let first = child.id();
        std::thread::sleep(Duration::from_micros(random(120_000)));
        let (keeper, vmms) = processes(&scratch, first);
        let victim = match random(3) {
            0 => keeper,
            1 => vmms.iter().copied().find(|pid| *pid != first as i32),
            _ => Some(first as i32),
        };
        let Some(victim) = victim else {
            kill(first as i32);
            wait(&mut child);
            nothing_left(&scratch, first);
            continue;
        };
        kill(victim);
        if Some(victim) == keeper {
            let status = wait(&mut child);
            assert_eq!(status.code(), Some(125), "{status}");
        } else if victim != first as i32 {
            // A child's death is nobody else's.
            std::thread::sleep(Duration::from_millis(20));
            if case != 0
                && let Some(status) = child.try_wait().unwrap()
            {
                // Unless it was to become the keeper.
                let stderr = finish(child).stderr;
                assert!(stderr.contains("SESSION_OPEN"), "case {case}: {status}, {stderr}");
                nothing_left(&scratch, first);
                continue;
            }
            kill(first as i32);
        }
        wait(&mut child);
        nothing_left(&scratch, first);
    }
}
