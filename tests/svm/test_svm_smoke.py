"""Hardware-style KVM (AMD SVM with nested paging, emulated by QEMU): what is fast on software KVM stays right there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOST = ROOT / "scripts/svm-host"
SMOKE = Path(__file__).with_name("smoke.py")

pytestmark = pytest.mark.skipif("SVM_HOST" in os.environ, reason="this is the emulated machine already")


@pytest.fixture(scope="session")
def python_image(session_home: Path) -> str:
    from ramet.image import Spec, Store, build

    return build(Spec.from_toml(ROOT / "images/python.toml"), store=Store(session_home)).name


# Of svm-host. On a busy host the emulator may get no further than its timer interrupts: that says nothing of Ramet,
# which a machine whose kernel answers would.
STANDS_STILL = "its kernel stands still"


def run(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([HOST, *arguments], capture_output=True, text=True, timeout=1700, check=False, **options)


@pytest.mark.timeout(1800)
def test_the_machine_comes_up_and_reports_the_status() -> None:
    command = "test -c /dev/kvm && grep -qw svm /proc/cpuinfo && uname -r && exit 3"
    done = run("-t", "100", "--", "bash", "-c", command)
    assert done.returncode == 3, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].endswith("-amd64")


@pytest.mark.timeout(1800)
def test_a_command_that_takes_too_long_is_explained() -> None:
    """What a hang in there would show: each process with its threads, their states and where they are."""
    done = run("-t", "3", "--", "bash", "-c", "echo here I stay; sleep 1000; true")
    assert done.returncode == 124, done.stdout + done.stderr
    assert done.stdout == "here I stay\n"
    assert re.search(r"^/proc/\d+/task/\d+: sleep S \(sleeping\) .*\| \d+ ", done.stderr, re.MULTILINE), done.stderr
    assert "nanosleep" in done.stderr, done.stderr
    assert done.stderr.endswith("svm-host: the limit of 3 s passed; its last line: here I stay\n"), done.stderr


# Stands where QEMU is: it comes to a stand at its first boots, then does what the machine would do.
FAKE_QEMU = """#!/usr/bin/env python3
import gzip, os, re, sys, time
machine = " ".join(sys.argv)
with open(os.environ["ATTEMPTS"], "a+") as attempts:
    attempts.write("x")
    attempts.flush()
    attempts.seek(0)
    number = len(attempts.read())
print(f"boot {number}{' quietly' * ('quiet' in machine)}", flush=True)
if number < int(os.environ["GOOD"]):
    time.sleep(1000)
disk = gzip.decompress(open(re.search(r"-initrd (\\S+)", machine)[1], "rb").read())
os.write(1, re.search(rb"svm-host [0-9a-f]{16}\\n", disk)[0] + b"the command\\n")
open(re.search(r"file:(\\S+)", machine)[1], "w").write("status 7\\n")
"""


@pytest.mark.parametrize(("good", "status"), [(2, 7), (9, 125)])
def test_a_boot_that_stands_still_is_tried_again(tmp_path: Path, good: int, status: int) -> None:
    qemu = tmp_path / "qemu-system-x86_64"
    qemu.write_text(FAKE_QEMU)
    qemu.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "ATTEMPTS": str(tmp_path / "attempts"),
        "GOOD": str(good),
    }
    done = run("-b", "10", "--", "true", env=environment)
    assert done.returncode == status, done.stdout + done.stderr
    assert done.stdout == ("the command\n" if status == 7 else "")
    lines = done.stderr.splitlines()
    assert lines[0] == (
        "svm-host: attempt 1 of 3: the machine does not come up (it has stood still for 10 s); "
        "its last line: boot 1 quietly; starting it anew"
    )
    assert status == 7 or "its last line: boot 2;" in lines[1]
    assert len(lines) == min(good - 1, 3)
    assert lines[-1].endswith("starting it anew" if status == 7 else "giving up")


@pytest.mark.timeout(1800)
def test_python_freeze_clones_and_a_crash(python_image: str, session_home: Path) -> None:
    assert shutil.which("qemu-system-x86_64"), "qemu-system-x86 is missing: make setup installs it"
    environment = {**os.environ, "RAMET_HOME": str(session_home)}
    for _ in range(3):
        done = run("-t", "300", "--", sys.executable, SMOKE, python_image, env=environment)
        print(done.stdout, done.stderr)
        if STANDS_STILL not in done.stderr:
            break
    assert done.returncode == 0, done.stdout[-30000:] + done.stderr[-30000:]
