"""`--strace` of processes: lines as strace(1) prints them, of every process of the session."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from limits import LIMIT

import ramet

# Fork, exec, wait and signals, in a program of a few lines.
PROGRAM = r"""
my $pid = fork;
if (!$pid) { exec '/bin/sh', '-c', 'exit 3' }
waitpid $pid, 0;
$pid = fork;
if (!$pid) { sleep 100; exit }
kill 'TERM', $pid;
waitpid $pid, 0;
kill 0, $$;
"""
SHOWN = ("clone", "clone3", "fork", "vfork", "execve", "wait4", "kill")


def lines(text: str) -> list[str]:
    """The calls that are compared, without what differs from run to run: numbers of processes, addresses."""
    found = []
    for line in text.splitlines():
        line = re.sub(r"^\[pid +\d+\] ", "", line)
        # strace splits a call during which another process is shown.
        line = re.sub(r"<\.\.\. (\w+) resumed>.*", "", re.sub(r" <unfinished \.\.\.>$", "", line))
        if not re.match(rf"({'|'.join(SHOWN)})\(|\+\+\+ (exited|killed)", line):
            continue
        line = re.sub(r"0x[0-9a-f]{5,}", "ADDRESS", line)
        line = re.sub(r"\b[1-9]\d{2,}\b", "PID", line)
        line = re.sub(r" +(= \S+)", r" \1", line)
        found.append(re.sub(r"/\* \d+ vars? \*/", "/* VARS */", line))
    return found


def shapes(found: list[str]) -> set[str]:
    """What is to be the same: which lines there are, whoever is first."""
    return {line for line in found if not line.startswith("execve") or "exit 3" in line}


def test_as_strace_shows_it(kvm, tmp_path: Path) -> None:
    with ramet.run("test-tools", ["perl", "-e", PROGRAM], strace=True) as vm:
        traced = vm.communicate(timeout=LIMIT).stderr.text
    assert all(re.match(r"\[pid +\d+\] |\+\+\+ ", line) for line in traced.splitlines()), traced
    assert len(set(re.findall(r"^\[pid +(\d+)\]", traced, re.MULTILINE))) == 3
    native = tmp_path / "native"
    # One file for each process: no call is split.
    subprocess.run(["strace", "-ff", "-o", native, "perl", "-e", PROGRAM], check=True, timeout=LIMIT)
    expected = "\n".join(path.read_text() for path in tmp_path.iterdir())
    ours, theirs = shapes(lines(traced)), shapes(lines(expected))
    assert ours == theirs, (sorted(ours - theirs), sorted(theirs - ours))


def test_a_call_is_shown_once(kvm) -> None:
    with ramet.run("test-tools", ["sh", "-c", "true; true"], strace=True) as vm:
        traced = vm.communicate(timeout=LIMIT).stderr.text
    calls = [line for line in traced.splitlines() if 'execve("/usr/bin/true"' in line or 'execve("/bin/true"' in line]
    assert len(calls) <= 2 and len({line.split("]")[0] for line in calls}) == len(calls), calls
