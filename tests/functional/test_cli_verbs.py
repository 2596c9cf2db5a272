"""The command line with the fake VMM: every verb, its exit status, what it prints where, what it leaves behind."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

READY = 'if [ -z "$RAMET_DOCUMENT" ]; then echo ready > "$RAMET_DEVICE"; sleep 100; fi; printf %s "$RAMET_DOCUMENT"'

VERBS = [
    "build", "images", "rmi", "inspect", "run", "ps", "logs", "wait", "kill", "pause", "resume", "rm", "freeze",
    "template", "clone", "doctor", "bench",
]  # fmt: skip


def one_line(text: str) -> bool:
    return re.fullmatch(r"ramet: [^\n]+\n", text) is not None


@pytest.mark.parametrize("verb", VERBS)
def test_help(cli, verb: str) -> None:
    done = cli(verb, "-h", check=0)
    assert done.stdout.startswith(f"usage: ramet {verb}")


def test_help_lists_every_verb(cli) -> None:
    done = cli("-h", check=0)
    for verb in VERBS:
        assert re.search(rf"^  {verb} ", done.stdout, re.MULTILINE)
    assert cli(check=2).stderr.startswith("usage:")
    done = cli("no-such-verb", check=2)
    assert one_line(done.stderr)
    assert cli("--version", check=0).stdout.startswith("ramet ")


def test_run_streams_and_status(cli, fake_image) -> None:
    done = cli("run", fake_image, "sh", "-c", "cat; echo err >&2; exit 3", input="in", check=3)
    assert (done.stdout, done.stderr) == ("in", "err\n")
    assert cli("run", "--rm", fake_image, "sh", "-c", "cat; exit 4", input="in", check=4).stdout == "in"
    assert cli("run", fake_image, check=0).stdout == "default\n"
    assert cli("run", fake_image, "sh", "-c", "kill -TERM $$", check=143)
    assert cli("run", "--rm", fake_image, "sh", "-c", "kill -TERM $$", check=143)


def test_run_options(cli, fake_image, tmp_path: Path) -> None:
    options = ["--name", "o", "-m", "96M", "-e", "A=1", "-e", "HOME", "-w", "/tmp", "-u", "7:8", "--timeout", "9"]
    options += ["-v", f"{tmp_path}:/mnt:ro", "--strace"]
    done = cli("run", *options, fake_image, "--", "sh", "-c", "echo $A", check=0)
    assert done.stdout == "1\n"
    config = json.loads(cli("inspect", "o", check=0).stdout)["config"]
    assert config["memory"] == 96 << 20
    assert (config["cwd"], config["user"], config["timeout"], config["strace"]) == ("/tmp", "7:8", 9, True)
    assert config["volumes"] == [{"host": str(tmp_path), "guest": "/mnt", "read_only": True}]
    assert f"HOME={os.environ['HOME']}" in config["env"]


def test_run_refuses(cli, fake_image) -> None:
    for arguments, status in (
        (("run", "no-such-image"), 125),
        (("run", fake_image, "/does/not/exist"), 127),
        (("run", "-d", fake_image, "/does/not/exist"), 127),
        (("run", "-m", "lots", fake_image), 2),
        (("run", "-v", "nonsense", fake_image), 2),
        (("run", "-v", "/does/not/exist:/mnt", fake_image), 2),
        (("run", "-e", "=x", fake_image), 2),
        (("run", "-d", "-t", fake_image), 2),
        (("run", "--name", "a/b", fake_image), 2),
    ):
        done = cli(*arguments, check=status)
        assert re.search(r"^(ramet|ramet-vmm): [^\n]+\n\Z", done.stderr), (arguments, done.stderr)
        assert done.stdout == ""
    for arguments in (
        ("--no-such-option", fake_image),
        ("-p", "80:80", fake_image),
        (),
        ("--timeout", "-1", fake_image),
    ):
        assert one_line(cli("run", *arguments, check=2).stderr), arguments
    assert one_line(cli("template", check=2).stderr)
    assert one_line(cli("template", "rm", check=2).stderr)


def test_missing_vmm_and_kernel(cli, fake_image, monkeypatch) -> None:
    monkeypatch.setenv("RAMET_KERNEL", "/does/not/exist")
    assert one_line(cli("run", fake_image, check=125).stderr)
    monkeypatch.setenv("RAMET_VMM", "/does/not/exist")
    assert one_line(cli("run", fake_image, check=125).stderr)
    assert json.loads(cli("ps", "-a", "--json", check=0).stdout) == []


def test_ps_wait_logs_rm(cli, fake_image) -> None:
    identifier = cli("run", "-d", "--name", "d", fake_image, "sh", "-c", "echo hi; sleep 2; echo ho; exit 5", check=0)
    assert re.fullmatch(r"[0-9a-f]{16}\n", identifier.stdout)
    (vm,) = json.loads(cli("ps", "--json", check=0).stdout)
    assert (vm["id"], vm["name"], vm["state"], vm["image"]) == (identifier.stdout.strip(), "d", "running", "fake")
    assert cli("ps", check=0).stdout.splitlines()[0].startswith("ID")
    done = cli("rm", "d", check=1)
    assert one_line(done.stderr) and "rm -f" in done.stderr
    assert cli("logs", "-f", "d", check=0).stdout == "hi\nho\n"
    assert cli("wait", "d", check=5).stdout == "5\n"
    assert json.loads(cli("wait", "--json", "d", check=5).stdout)["reason"] == "exited"
    assert json.loads(cli("ps", "--json", check=0).stdout) == []
    (vm,) = json.loads(cli("ps", "-a", "--json", check=0).stdout)
    assert (vm["state"], vm["status"]) == ("exited", 5)
    assert cli("rm", "d", check=0)
    assert json.loads(cli("ps", "-a", "--json", check=0).stdout) == []
    for verb in ("logs", "wait", "rm", "kill", "pause", "resume", "inspect"):
        assert one_line(cli(verb, "d", check=1).stderr)


def test_detached_with_rm_goes_by_itself(cli, fake_image) -> None:
    cli("run", "-d", "--rm", fake_image, "sleep", "0.2", check=0)
    for _ in range(100):
        if json.loads(cli("ps", "-a", "--json", check=0).stdout) == []:
            break
        time.sleep(0.05)
    else:
        pytest.fail("the VM is still listed")


def test_kill_pause_resume(cli, fake_image) -> None:
    cli("run", "-d", "--name", "k", fake_image, "sleep", "100", check=0)
    cli("pause", "k", check=0)
    assert json.loads(cli("inspect", "k", check=0).stdout)["state"] == "paused"
    cli("resume", "k", check=0)
    cli("kill", "-s", "TERM", "k", check=0)
    assert cli("wait", "k", check=143)
    cli("run", "-d", "--name", "k2", fake_image, "sleep", "100", check=0)
    cli("kill", "k2", check=0)
    assert cli("wait", "k2", check=137)
    assert one_line(cli("kill", "k2", check=1).stderr)
    assert cli("kill", "-s", "NONSENSE", "k2", check=2)
    assert cli("wait", "--timeout", "x", "k2", check=2)
    cli("rm", "k", "k2", check=0)


def test_signal_to_the_foreground(cli, fake_image) -> None:
    for options in ([], ["--rm"]):
        script = "trap 'echo got; exit 9' TERM; echo up; while :; do sleep 0.05; done"
        command = [*cli.command, "run", *options, fake_image, "sh", "-c", script]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == "got\n"
        assert process.wait(10) == 9


def test_killed_vmm_is_cleanable(cli, fake_image) -> None:
    cli("run", "-d", "--name", "v", fake_image, "sleep", "100", check=0)
    os.kill(json.loads(cli("inspect", "v", check=0).stdout)["pid"], signal.SIGKILL)
    assert cli("wait", "v", check=137)
    (vm,) = json.loads(cli("ps", "-a", "--json", check=0).stdout)
    assert (vm["state"], vm["status"], vm["reason"]) == ("killed", 137, "killed")
    cli("rm", "v", check=0)
    assert cli("ps", "-a", "-q", check=0).stdout == ""


def test_killed_parent_leaves_a_vm_that_cleans_up(cli, fake_image) -> None:
    """`kill -9` of the parent that would have removed the VM: it runs on, and the next listing removes it."""
    command = [*cli.command, "run", "--rm", "--name", "r", fake_image, "sh", "-c", "echo up; sleep 0.5"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    process.kill()
    process.wait()
    assert json.loads(cli("ps", "--json", check=0).stdout)[0]["name"] == "r"
    cli("wait", "r", check=0)
    assert json.loads(cli("ps", "-a", "--json", check=0).stdout) == []
    cli("run", "--rm", "--name", "r", fake_image, check=0)


def test_terminal(cli, fake_image) -> None:
    def run(*options: str) -> tuple[bytes, int]:
        pid, master = pty.fork()
        if pid == 0:
            os.execv(cli.command[0], [*cli.command, "run", *options, fake_image, "sh", "-c", "tty; exit 6"])
        output = b""
        while True:
            try:
                data = os.read(master, 4096)
            except OSError:
                data = b""
            if not data:
                break
            output += data
        os.close(master)
        return output, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    for options in (("-t", "--rm"), ("-it",)):
        output, status = run(*options)
        assert status == 6
        assert output.strip().startswith(b"/dev/pts/")
    # No terminal here: one is made for the program.
    done = cli("run", "--rm", "-t", fake_image, "sh", "-c", "tty; stty -a | grep -c icanon; exit 6", check=6)
    assert done.stdout.startswith("/dev/pts/")


def test_freeze_and_clone(cli, fake_image, tmp_path: Path) -> None:
    cli("run", "-d", "--name", "w", fake_image, "sh", "-c", READY, check=0)
    assert cli("freeze", "w", "--on-ready", "--timeout", "20", "-t", "warm", check=0).stdout == "warm\n"
    (template,) = json.loads(cli("template", "ls", "--json", check=0).stdout)
    assert (template["name"], template["state"]) == ("warm", "frozen")
    assert "warm" in cli("template", "ls", check=0).stdout
    assert json.loads(cli("inspect", "warm", check=0).stdout)["kind"] == "template"
    (tmp_path / "input").write_text("from a file")
    options = ["-n", "3", "--name", "c", "--input", str(tmp_path / "input"), "-e", "K=v"]
    made = cli("clone", "warm", *options, "--", "x", "-y", check=0)
    identifiers = made.stdout.split()
    assert len(set(identifiers)) == 3
    for number, identifier in enumerate(identifiers, 1):
        cli("wait", f"c-{number}", check=0)
        document = json.loads(cli("logs", identifier, check=0).stdout)
        assert document["input"] == "from a file"
        assert (document["args"], document["env"], document["id"]) == (["x", "-y"], {"K": "v"}, identifier)
    done = cli("clone", "warm", "--attach", "--rm", "--input", "-", input="piped", check=0)
    assert json.loads(done.stdout)["input"] == "piped"
    made = json.loads(cli("clone", "warm", "-n", "2", "--json", check=0).stdout)
    assert [item["error"] for item in made] == [None, None]
    (tmp_path / "refuse").write_text("refuse")
    done = cli("clone", "warm", "-n", "2", "--input", str(tmp_path / "refuse"), check=1)
    assert done.stdout == "" and len(done.stderr.splitlines()) == 2
    cli("clone", "no-such", check=1)
    assert one_line(cli("freeze", "w", "-t", "warm", check=1).stderr)
    cli("template", "rm", "warm", check=0)
    assert one_line(cli("template", "rm", "warm", check=1).stderr)
    cli("rm", "-f", "-a", check=0)
    assert json.loads(cli("ps", "-a", "--json", check=0).stdout) == []


def test_paused_clone(cli, fake_image) -> None:
    cli("run", "-d", "--name", "w", fake_image, "sh", "-c", READY, check=0)
    cli("freeze", "w", "--on-ready", "-t", "warm", check=0)
    cli("clone", "warm", "--paused", "--name", "p", check=0)
    for _ in range(100):
        if json.loads(cli("inspect", "p", check=0).stdout)["state"] == "paused":
            break
    cli("resume", "p", check=0)
    cli("wait", "p", check=0)


def test_images_verbs(cli, fake_image) -> None:
    (image,) = json.loads(cli("images", "--json", check=0).stdout)
    assert image["name"] == "fake"
    assert "fake" in cli("images", check=0).stdout
    assert json.loads(cli("inspect", "fake", check=0).stdout)["kind"] == "image"
    cli("rmi", "fake", check=0)
    assert one_line(cli("rmi", "fake", check=1).stderr)
    assert json.loads(cli("images", "--json", check=0).stdout) == []


def test_build_refuses(cli, fake_image, tmp_path: Path) -> None:
    assert one_line(cli("build", check=2).stderr)
    (tmp_path / "bad.toml").write_text("name = 3")
    assert one_line(cli("build", str(tmp_path / "bad.toml"), check=2).stderr)
    assert one_line(cli("build", str(tmp_path / "missing.toml"), check=2).stderr)


def test_doctor(cli, fake_image) -> None:
    document = json.loads(cli("doctor", "--json", check=0).stdout)
    assert document["kvm"]["kind"] == "software"
    assert cli("doctor", check=0).stdout


@pytest.mark.parametrize("closed", [">&-", "> /dev/full"])
def test_standard_output_that_takes_nothing(cli, fake_image, closed: str) -> None:
    """One line, and no success; what needs no output goes on."""

    def shell(line: str) -> tuple[int, str]:
        command = ["sh", "-c", f'exec "$@" {closed}', "sh", *cli.command, *line.split()]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=60)
        return done.returncode, done.stderr

    for line in ("images", "ps -a", "ps --json", "-h", "--version"):
        status, said = shell(line)
        assert status == 1 and one_line(said), (line, status, said)
    assert shell(f"run --rm {fake_image} sh -c true") == (0, "")
    assert shell(f"run --rm {fake_image} false") == (1, "")


@pytest.mark.parametrize("closed", ["<&-", "2>&-", "<&- 2>&-"])
def test_other_streams_closed(cli, fake_image, closed: str) -> None:
    command = ["sh", "-c", f'exec "$@" {closed}', "sh", *cli.command, "run", "--rm", fake_image, "echo", "out"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "out\n")


def test_what_cannot_be_meant_is_refused(cli, fake_image) -> None:
    cli("run", "-d", "--name", "w", fake_image, "sh", "-c", READY, check=0)
    done = cli("rmi", fake_image, check=1)
    assert one_line(done.stderr) and "VM w" in done.stderr
    done = cli("wait", "--timeout", "0.1", "w", check=1)
    assert "ramet kill w" in done.stderr
    cli("freeze", "w", "--on-ready", "-t", "T", check=0)
    assert one_line(cli("clone", "-n", "0", "T", check=2).stderr)
    (document,) = json.loads(cli("clone", "--json", "T", check=0).stdout)
    (vm,) = (vm for vm in json.loads(cli("ps", "-a", "--json", check=0).stdout) if vm["id"] == document["id"])
    assert document["name"] == vm["name"]
    done = cli("rm", "-f", "T", check=1)
    assert one_line(done.stderr) and "ramet template rm T" in done.stderr
    assert json.loads(cli("template", "ls", "--json", check=0).stdout)[0]["name"] == "T"
    cli("template", "rm", "T", check=0)
    cli("rm", "-f", "-a", "no-such", check=0)
    cli("rmi", fake_image, check=0)


def test_a_freeze_that_was_killed_leaves_no_name(cli, fake_image, ramet_home: Path) -> None:
    """Between taking the template's name and having frozen, `ramet freeze` may end at any moment."""
    cli("run", "-d", "--name", "w", fake_image, "sleep", "60", check=0)
    command = [*cli.command, "freeze", "w", "--on-ready", "-t", "T"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as freeze:
        link = ramet_home / "run/templates/T"
        deadline = time.monotonic() + 20
        while not link.is_symlink() and time.monotonic() < deadline:
            time.sleep(0.01)
        freeze.kill()
    cli("rm", "-f", "-a", check=0)
    assert not link.is_symlink()
    # And one of a VM whose directory is gone without us.
    link.symlink_to("../vms/0123456789abcdef")
    cli("rm", "-f", "-a", check=0)
    assert not link.is_symlink()
