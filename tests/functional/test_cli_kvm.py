"""The command line with real VMs."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import struct
import subprocess
import time
from pathlib import Path

import pytest
from limits import LIMIT

from ramet import paths

pytestmark = pytest.mark.usefixtures("kvm")

READY = 'echo ready > /dev/ramet; read -r document < /dev/ramet; echo "$document"'


def test_python(cli) -> None:
    done = cli("run", "--rm", "python", "python3", "-c", "print(6*7)", check=0)
    assert (done.stdout, done.stderr) == ("42\n", "")


def test_streams_and_status(cli) -> None:
    script = "import sys; sys.stdout.write(sys.stdin.read()[::-1]); print('err', file=sys.stderr); sys.exit(3)"
    done = cli("run", "python", "python3", "-c", script, input="x" * 200_000 + "y", check=3)
    assert (done.stdout, done.stderr) == ("y" + "x" * 200_000, "err\n")
    (vm,) = json.loads(cli("ps", "-a", "--json", check=0).stdout)
    assert (vm["state"], vm["status"]) == ("exited", 3)


def test_program_options(cli) -> None:
    script = "import os; print(os.environ['A'], os.getcwd(), os.getuid(), os.getgid(), os.uname().nodename)"
    options = ["-e", "A=1", "-w", "/usr", "-u", "7:8", "--hostname", "there"]
    assert cli("run", "--rm", *options, "python", "python3", "-c", script, check=0).stdout == "1 /usr 7 8 there\n"


@pytest.mark.parametrize(
    ("options", "home"),
    [([], "/root"), (["-u", "nobody"], "/nonexistent"), (["-u", "4711"], "/"), (["-e", "HOME=/x"], "/x")],
)
def test_home(cli, options: list[str], home: str) -> None:
    script = "import os; print(os.environ['HOME'], os.path.expanduser('~'))"
    assert cli("run", "--rm", *options, "python", "python3", "-c", script, check=0).stdout == f"{home} {home}\n"


def test_own_name(cli, tmp_path: Path) -> None:
    """A VM finds itself by its own name, unless somebody else has written its /etc/hosts."""
    script = "import socket; print(socket.gethostbyname(socket.gethostname()), open('/etc/hosts').read().count('own'))"
    options = ["run", "--rm", "--name", "own"]
    assert cli(*options, "python", "python3", "-c", script, check=0).stdout == "127.0.1.1 1\n"
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.7 own\n")
    volume = ["-v", f"{hosts}:/etc/hosts"]
    assert cli(*options, *volume, "python", "python3", "-c", script, check=0).stdout == "127.0.0.7 1\n"
    hosts.write_text("127.0.0.1 localhost\n")
    cli(*options, *volume, "python", "python3", "-c", "pass", check=0)
    assert hosts.read_text() == "127.0.0.1 localhost\n"


def test_kernel_is_small() -> None:
    """The guest kernel's image is at most 1 MiB: what is loaded of it (a developer's build has its symbols too)."""
    image = paths.kernel_path().read_bytes()
    (headers,) = struct.unpack_from("<Q", image, 32)
    size, count = struct.unpack_from("<HH", image, 54)
    segments = [struct.unpack_from("<IIQQQQ", image, headers + size * index) for index in range(count)]
    assert 1 << 18 < max(offset + length for _, _, offset, _, _, length in segments) <= (1 << 20) - 1024


def test_bytes_that_are_no_text(cli, tmp_path: Path) -> None:
    """Arguments, variables and paths are bytes: they arrive as they are, UTF-8 or not."""
    folder = tmp_path / os.fsdecode(b"host-\xfe")
    folder.mkdir()
    (folder / "inside").touch()
    script = "import os, sys; print(os.fsencode(sys.argv[1]), os.environb[b'X'], os.getcwdb(), os.listdir(b'.'))"
    options = ["-e", os.fsdecode(b"X=\xff\xc3\xa9"), "-v", os.fsdecode(b"%b:/m\xfd" % os.fsencode(folder))]
    options += ["-w", os.fsdecode(b"/m\xfd")]
    argument = os.fsdecode(b"a\x80\xffb")
    done = cli("run", "--name", "bytes", *options, "python", "python3", "-c", script, argument, check=0)
    assert done.stdout == r"b'a\x80\xffb' b'\xff\xc3\xa9' b'/m\xfd' [b'inside']" + "\n"
    assert json.loads(cli("inspect", "bytes", check=0).stdout)["args"][-1] == argument
    assert cli("ps", "-a", check=0).stdout.count("\n") == 2


@pytest.mark.parametrize("user", ["4294967295", "1:4294967295", "-1", "99999999999", "nobody-at-all"])
def test_no_such_user(cli, user: str) -> None:
    done = cli("run", "--rm", "-u", user, "python", "python3", "-c", "pass", check=125)
    assert done.stderr.startswith("ramet: the image has no ") and done.stderr.count("\n") == 1


def test_ends(cli) -> None:
    assert cli("run", "--rm", "python", "/no/such/program", check=127).stderr.count("\n") == 1
    assert cli("run", "--rm", "python", "/etc/passwd", check=126).stderr.count("\n") == 1
    # A status alone says nothing: this program was found, and ran.
    cli("run", "-d", "--name", "s", "python", "python3", "-c", "raise SystemExit(127)", check=0)
    cli("wait", "s", check=127)
    cli("rm", "s", check=0)
    crash = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    cli("run", "--rm", "python", "python3", "-c", crash, check=139)
    cli("run", "--rm", "--timeout", "0.5", "python", "python3", "-c", "while True: pass", check=124)
    assert json.loads(cli("ps", "-a", "--json", check=0).stdout) == []


def test_too_little_memory(cli) -> None:
    for options in (["--rm"], [], ["-d"]):
        done = cli("run", *options, "-m", "1M", "python", "python3", "-c", "pass", check=125)
        assert re.fullmatch(r"ramet[^\n]*: [^\n]+\n", done.stderr)
        assert json.loads(cli("ps", "-a", "--json", check=0).stdout) == []


def test_volume(cli, tmp_path: Path) -> None:
    (tmp_path / "in").write_text("from the host")
    copy = "open('/mnt/out', 'w').write(open('/mnt/in').read() + ', seen')"
    cli("run", "--rm", "-v", f"{tmp_path}:/mnt", "python", "python3", "-c", copy, check=0)
    assert (tmp_path / "out").read_text() == "from the host, seen"
    done = cli("run", "--rm", "-v", f"{tmp_path}:/mnt:ro", "python", "python3", "-c", copy, check=1)
    assert "Read-only file system" in done.stderr


def test_detached(cli) -> None:
    # It ends when it is told to: what is asked of it meanwhile takes as long as this machine needs for it.
    script = (
        "import signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(5))\n"
        "for i in range(3): print(i, flush=True)\nwhile True: signal.pause()"
    )
    identifier = cli("run", "-d", "--name", "d", "python", "python3", "-c", script, check=0).stdout.strip()
    (vm,) = json.loads(cli("ps", "--json", check=0).stdout)
    assert (vm["id"], vm["state"]) == (identifier, "running")
    with subprocess.Popen([*cli.command, "logs", "-f", "d"], stdout=subprocess.PIPE, text=True) as logs:
        assert logs.stdout is not None
        assert [logs.stdout.readline() for _ in range(3)] == ["0\n", "1\n", "2\n"]
        cli("kill", "-s", "TERM", "d", check=0)
        assert logs.stdout.read() == "" and logs.wait(LIMIT) == 0
    assert cli("wait", "d", check=5).stdout == "5\n"
    assert "no such file" in cli("run", "-d", "python", "/no/such/program", check=127).stderr.lower()
    cli("rm", "d", check=0)
    assert json.loads(cli("ps", "-a", "--json", check=0).stdout) == []


@pytest.mark.parametrize(("redirection", "error"), [(">&-", "Bad file descriptor"), ("> /dev/full", "No space left")])
def test_detached_without_output(cli, redirection: str, error: str) -> None:
    """A VM whose id nobody gets is not left behind."""
    command = f'exec "$@" {redirection}'
    options = ["run", "-d", "test-busybox", "sh", "-c", "while :; do :; done"]
    done = subprocess.run(
        ["sh", "-c", command, "sh", *cli.command, *options],
        stderr=subprocess.PIPE,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 125, done.stderr
    assert done.stderr.count("\n") == 1 and error in done.stderr and "was ended" in done.stderr
    assert json.loads(cli("ps", "-a", "--json", check=0).stdout) == []


def test_pause_resume_signal_kill(cli) -> None:
    script = "import time\ni = 0\nwhile True: print(i, flush=True); i += 1; time.sleep(0.02)"
    cli("run", "-d", "--name", "p", "python", "python3", "-c", script, check=0)
    cli("pause", "p", check=0)
    before = cli("logs", "p", check=0).stdout
    time.sleep(0.3)
    assert cli("logs", "p", check=0).stdout == before
    cli("resume", "p", check=0)
    time.sleep(0.3)
    assert len(cli("logs", "p", check=0).stdout) > len(before)
    cli("kill", "-s", "TERM", "p", check=0)
    cli("wait", "p", check=143)
    cli("run", "-d", "--name", "k", "python", "python3", "-c", "while True: pass", check=0)
    cli("kill", "k", check=0)
    cli("wait", "k", check=137)


@pytest.mark.parametrize("options", [[], ["--rm"]])
def test_signals_reach_the_program(cli, options: list[str]) -> None:
    script = (
        "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(9)); print('up', flush=True); time.sleep(60)"
    )
    command = [*cli.command, "run", *options, "python", "python3", "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT) == 9


def test_killed_vmm_is_cleanable(cli) -> None:
    cli("run", "-d", "--name", "v", "python", "python3", "-c", "import time; time.sleep(60)", check=0)
    pid = json.loads(cli("inspect", "v", check=0).stdout)["pid"]
    os.kill(pid, signal.SIGKILL)
    cli("wait", "v", check=137)
    cli("rm", "v", check=0)
    assert json.loads(cli("ps", "-a", "--json", check=0).stdout) == []


def test_inspect_counts_system_calls(cli) -> None:
    script = (
        "import ctypes, os, time\n"
        "call = ctypes.CDLL(None).syscall\n"
        "for number in [134, 134, 475, 999, 999, 999]: call(number)\n"  # uselib; two without a name
        "for i in range(100): os.umask(0o22)\n"
        "print('up', flush=True); time.sleep(60)\n"
    )
    cli("run", "-d", "--name", "v", "python", "python3", "-c", script, check=0)
    deadline = time.monotonic() + 20
    while cli("logs", "v", check=0).stdout != "up\n" and time.monotonic() < deadline:
        time.sleep(0.05)
    counted = json.loads(cli("inspect", "v", check=0).stdout)["syscalls"]
    assert {"uselib": 2, "syscall_475": 1, "unassigned": 3}.items() <= counted["not_served"].items()
    assert counted["calls"]["umask"] == 100 and counted["calls"]["write"] >= 1
    # One trap may have several sites patched.
    assert counted["sites"] > 0 and 0 < counted["traps"] < sum(counted["calls"].values())
    cli("clone", "v", "--name", "c", check=0)
    again = json.loads(cli("inspect", "c", check=0).stdout)["syscalls"]
    assert "umask" not in again["calls"] and again["not_served"] == {}


def test_terminal(cli) -> None:
    script = (
        "import os, sys\n"
        "print(os.isatty(0), os.isatty(1), tuple(os.get_terminal_size()), flush=True)\n"
        "try:\n    input('> ')\nexcept KeyboardInterrupt:\n    print('interrupted')\n    sys.exit(6)\n"
    )
    pid, master = pty.fork()
    if pid == 0:
        os.execv(cli.command[0], [*cli.command, "run", "-it", "--rm", "python", "python3", "-c", script])
    import fcntl
    import struct
    import termios

    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    output = b""
    sent = False
    while True:
        try:
            data = os.read(master, 4096)
        except OSError:
            break
        if not data:
            break
        output += data
        if b"> " in output and not sent:
            # Between the prompt and its read, Python notes the signal and goes on to wait, natively too.
            time.sleep(0.5)
            os.write(master, b"\x03")
            sent = True
    os.close(master)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 6
    assert b"True True (100, 30)" in output
    assert b"interrupted" in output


def test_freeze_and_clone(cli, tmp_path: Path) -> None:
    cli("run", "-d", "--name", "w", "test-busybox", "sh", "-c", READY, check=0)
    cli("freeze", "w", "--on-ready", "--timeout", str(LIMIT), "-t", "warm", check=0)
    (template,) = json.loads(cli("template", "ls", "--json", check=0).stdout)
    assert (template["name"], template["state"]) == ("warm", "frozen")
    (tmp_path / "input").write_text("from a file")
    options = ["-n", "3", "--name", "c", "--input", str(tmp_path / "input"), "-e", "K=v"]
    identifiers = cli("clone", "warm", *options, "--", "x", "-y", check=0).stdout.split()
    assert len(set(identifiers)) == 3
    for number, identifier in enumerate(identifiers, 1):
        cli("wait", f"c-{number}", check=0)
        document = json.loads(cli("logs", identifier, check=0).stdout)
        assert (document["input"], document["args"], document["env"]) == ("from a file", ["x", "-y"], {"K": "v"})
        assert (document["id"], document["name"], document["generation"]) == (identifier, f"c-{number}", 1)
    done = cli("clone", "warm", "--attach", "--rm", "--input", "-", input="piped", check=0)
    assert json.loads(done.stdout)["input"] == "piped"
    cli("clone", "warm", "--paused", "--name", "still", check=0)
    assert json.loads(cli("inspect", "still", check=0).stdout)["state"] == "paused"
    cli("resume", "still", check=0)
    cli("wait", "still", check=0)
    cli("template", "rm", "warm", check=0)
    cli("rm", "-f", "-a", check=0)


def test_doctor(cli) -> None:
    document = json.loads(cli("doctor", "--json", check=0).stdout)
    assert document["ok"] and document["kvm"]["kind"] in ("vmx", "svm", "software")


FULL = "ramet: standard output is not complete: No space left on device (os error 28)\n"


@pytest.mark.parametrize("options", [[], ["--rm"]])
def test_full_disk_under_stdout(cli, options: list[str]) -> None:
    """What is lost at the end is said and is no success; a program that goes on writing sees the error itself."""

    def run(script: str) -> tuple[int, str]:
        command = [*cli.command, "run", *options, "python", "python3", "-c", script]
        with open("/dev/full", "w") as full:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE, timeout=LIMIT)
        return done.returncode, done.stderr.decode()

    assert run("import os; os.write(1, b'x')") == (1, FULL)
    script = (
        "import errno, os, sys, time\n"
        "try:\n    while True: os.write(1, b'x' * 5000); time.sleep(0.01)\n"
        "except OSError as e: sys.exit(7 if e.errno == errno.ENOSPC else 8)\n"
    )
    assert run(script) == (7, FULL)


PANIC = (
    "import ctypes, mmap\n"
    "page = mmap.mmap(-1, 4096, prot=7)\n"
    "page.write(b'\\xe6\\x84')\n"  # out %al,$0x84: the hypercall PANIC, as the kernel does it
    "{before}\n"
    "print('said', flush=True)\n"
    "ctypes.CFUNCTYPE(None)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()\n"
)


def test_a_kernel_that_dies_under_its_program(cli) -> None:
    """One line and the same status for `run`, `clone --attach` and `wait`; what the program has said is there."""

    def check(done: subprocess.CompletedProcess[str]) -> None:
        assert done.stdout == "said\n"
        assert re.fullmatch(r"ramet: the VM died while its program ran: [^\n]*\n", done.stderr)

    for options in ([], ["--rm"]):
        check(cli("run", *options, "python", "python3", "-c", PANIC.format(before=""), check=125))
    # It ran: it is not cleaned away as one that never came to run.
    assert [vm["reason"] for vm in json.loads(cli("ps", "-a", "--json", check=0).stdout)] == ["crashed"]
    script = PANIC.format(before="open('/dev/ramet', 'w').write('ready')")
    cli("run", "-d", "--name", "w", "python", "python3", "-c", script, check=0)
    cli("freeze", "w", "--on-ready", "--timeout", str(LIMIT), "-t", "warm", check=0)
    check(cli("clone", "warm", "--attach", "--rm", check=125))
    cli("clone", "warm", "--name", "c", check=0)
    assert cli("wait", "c", check=125).stderr == ""
    cli("template", "rm", "warm", check=0)
    cli("rm", "-f", "-a", check=0)
