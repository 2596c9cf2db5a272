//! Runs `ramet-vmm` on the test guests and talks to its control socket. Needs `/dev/kvm` and gcc.
#![allow(dead_code, reason = "every test file uses a part of it")]

use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

static COUNTER: AtomicU32 = AtomicU32::new(0);
const PATIENCE: Duration = Duration::from_secs(20);

/// A directory that is removed at the end.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new() -> Self {
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("ramet-vmm-test-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Assembles a guest of `tests/guests`. `case` defines the symbol CASE.
pub fn guest(scratch: &Scratch, name: &str, case: Option<u32>) -> PathBuf {
    guest_with(scratch, name, &case.map(|case| ("CASE", case)).into_iter().collect::<Vec<_>>())
}

/// Assembles a guest of `tests/guests` with these symbols.
pub fn guest_with(scratch: &Scratch, name: &str, symbols: &[(&str, u32)]) -> PathBuf {
    let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guests");
    let output = scratch.0.join(format!("{name}.elf"));
    let mut gcc = Command::new("gcc");
    gcc.current_dir(&guests).args([
        "-nostdlib",
        "-static",
        "-no-pie",
        "-Wl,-T,guest.ld",
        "-Wl,--build-id=none",
    ]);
    gcc.arg("-Wl,--no-warn-rwx-segments");
    gcc.arg(format!("-Wa,--defsym,ABI_VERSION={}", ramet_abi::ABI_VERSION));
    gcc.arg(format!("-Wa,--defsym,HEADER_SIZE={}", size_of::<ramet_abi::header::KernelHeader>()));
    for (symbol, value) in symbols {
        gcc.arg(format!("-Wa,--defsym,{symbol}={value}"));
    }
    let status = gcc.arg("-o").arg(&output).arg(format!("{name}.S")).status().expect("gcc is needed");
    assert!(status.success(), "gcc cannot assemble {name}.S");
    output
}

/// A configuration with the least that is needed.
pub fn config(scratch: &Scratch, kernel: &Path) -> Value {
    json!({
        "id": "00000000000000aa", "name": "test", "directory": directory(scratch, "vm"), "kernel": kernel,
        "memory": 256 << 20, "args": ["/bin/true"],
    })
}

/// Makes a VM's directory.
pub fn directory(scratch: &Scratch, name: &str) -> PathBuf {
    let path = scratch.0.join(name);
    fs::create_dir_all(&path).unwrap();
    path
}

/// `ramet-vmm run` with this configuration, streams as pipes.
pub fn start(scratch: &Scratch, config: &Value) -> Child {
    command(scratch, config).spawn().unwrap()
}

/// The command of [`start`].
pub fn command(scratch: &Scratch, config: &Value) -> Command {
    let path = scratch.0.join("vm/config.json");
    fs::write(&path, config.to_string()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ramet-vmm"));
    command.arg("run").arg(path);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What became of a process.
pub struct Finished {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

/// Waits for a process, with patience.
pub fn finish(mut child: Child) -> Finished {
    let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
    drop(child.stdin.take());
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        if let Some(pipe) = &mut stderr {
            let _ = pipe.read_to_string(&mut text);
        }
        text
    });
    let mut bytes = Vec::new();
    if let Some(pipe) = &mut stdout {
        pipe.read_to_end(&mut bytes).unwrap();
    }
    let status = wait(&mut child);
    Finished { status, stdout: bytes, stderr: reader.join().unwrap() }
}

/// Waits for a process to end, with patience.
pub fn wait(child: &mut Child) -> ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if start.elapsed() > PATIENCE {
            let _ = child.kill();
            panic!("the VMM does not end: {:?}", child.wait().map(|s| s.signal()));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A connection to a control socket.
pub struct Control(UnixStream);

impl Control {
    /// Connects to the VM in `directory` as soon as it listens.
    pub fn connect(directory: &Path) -> Self {
        let start = Instant::now();
        loop {
            if let Ok(stream) = UnixStream::connect(directory.join("control.sock")) {
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                return Self(stream);
            }
            assert!(start.elapsed() < PATIENCE, "no control socket in {}", directory.display());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// One request, one answer.
    pub fn ask(&mut self, request: Value) -> Value {
        self.0.write_all(format!("{request}\n").as_bytes()).unwrap();
        self.answer()
    }

    /// The next answer.
    pub fn answer(&mut self) -> Value {
        let mut line = Vec::new();
        let mut byte = [0];
        while byte[0] != b'\n' {
            assert_eq!(self.0.read(&mut byte).unwrap(), 1, "the connection ended");
            line.push(byte[0]);
        }
        serde_json::from_slice(&line).unwrap()
    }

    /// A request that must succeed.
    pub fn ok(&mut self, request: Value) -> Value {
        let answer = self.ask(request.clone());
        assert_eq!(answer["ok"], true, "{request}: {answer}");
        answer
    }

    /// Sends a request with descriptors.
    pub fn ask_with(&mut self, request: Value, fds: &[RawFd]) -> Value {
        let mut text = format!("{request}\n").into_bytes();
        let mut vector = libc::iovec { iov_base: text.as_mut_ptr().cast(), iov_len: text.len() };
        let mut control = [0u64; 16];
        let bytes = size_of_val(fds) as u32;
        // SAFETY: the message describes buffers of this frame, which are large enough for a few descriptors.
        unsafe {
            let mut message: libc::msghdr = std::mem::zeroed();
            message.msg_iov = &mut vector;
            message.msg_iovlen = 1;
            message.msg_control = control.as_mut_ptr().cast();
            message.msg_controllen = libc::CMSG_SPACE(bytes) as usize;
            let header = libc::CMSG_FIRSTHDR(&message);
            (*header).cmsg_level = libc::SOL_SOCKET;
            (*header).cmsg_type = libc::SCM_RIGHTS;
            (*header).cmsg_len = libc::CMSG_LEN(bytes) as usize;
            std::ptr::copy_nonoverlapping(fds.as_ptr(), libc::CMSG_DATA(header).cast(), fds.len());
            assert_eq!(libc::sendmsg(self.0.as_raw_fd(), &message, 0), text.len() as isize);
        }
        self.answer()
    }
}

/// A clone that was made.
pub struct Clone {
    pub answer: Value,
    pub directory: PathBuf,
    pub stdout: File,
    pub status: File,
}

impl Clone {
    /// What it printed, split at blanks, and the line on its status pipe.
    pub fn finish(mut self) -> (Vec<String>, Value) {
        let mut text = String::new();
        self.stdout.read_to_string(&mut text).unwrap();
        let mut line = String::new();
        self.status.read_to_string(&mut line).unwrap();
        let status = serde_json::from_str(&line).unwrap_or(Value::Null);
        (text.split_whitespace().map(str::to_owned).collect(), status)
    }
}

fn pipe() -> (File, OwnedFd) {
    let mut ends = [0; 2];
    // SAFETY: the array has room for both descriptors, which are new and belong to nobody else.
    unsafe {
        assert_eq!(libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC), 0);
        (File::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1]))
    }
}

/// Makes a clone. `extra` is merged into its specification.
pub fn clone(scratch: &Scratch, control: &mut Control, extra: &Value) -> Clone {
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let directory = directory(scratch, &format!("clone-{number}"));
    let mut spec = json!({"id": format!("{number:016x}"), "name": "clone", "directory": directory});
    for (key, value) in extra.as_object().unwrap() {
        spec[key] = value.clone();
    }
    let null = File::open("/dev/null").unwrap();
    let ((stdout, theirs), (status, status_pipe)) = (pipe(), pipe());
    let fds = [null.as_raw_fd(), theirs.as_raw_fd(), 2, status_pipe.as_raw_fd()];
    let answer = control.ask_with(json!({"op": "clone", "clone": spec}), &fds);
    assert_eq!(answer["ok"], true, "{answer}");
    Clone { answer, directory, stdout, status }
}

/// Names in a directory, sorted.
pub fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(directory).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The content of `exit.json`.
pub fn exit_record(directory: &Path) -> Value {
    serde_json::from_slice(&fs::read(directory.join("exit.json")).unwrap()).unwrap()
}
