"""A full disk under Ramet's own files: no status is lost, and what cannot be done says why."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("kvm")

PRELUDE = """
import json, os, re, subprocess, sys, time

disk = sys.argv[1]
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=True)
for name in ("names", "images"):
    os.symlink(f"{os.environ['RAMET_HOME']}/{name}", f"{disk}/{name}")
os.environ["RAMET_HOME"] = disk

def fill(left=0):
    with open(f"{disk}/ballast", "ab", buffering=0) as file:
        try:
            while file.write(bytes(4096)): pass
        except OSError:
            pass
        os.truncate(file.fileno(), max(file.tell() - left, 0))

def ramet(*arguments):
    done = subprocess.run([sys.executable, "-m", "ramet", *arguments], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr

def one_line(text):
    return re.fullmatch(r"ramet: [^\\n]+\\n", text) is not None

def full(text):
    return one_line(text) and "No space left on device" in text

ramet("run", "--rm", "python", "python3", "-c", "pass")  # the directories are there
"""


def on_a_small_disk(script: str, tmp_path: Path) -> None:
    """In a mount name space of its own, so without root too."""
    disk = tmp_path / "disk"
    disk.mkdir()
    unshare = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user", "--user"])]
    program = PRELUDE + textwrap.dedent(script)
    done = subprocess.run([*unshare, sys.executable, "-c", program, str(disk)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_status_is_kept(tmp_path: Path) -> None:
    """The disk fills up while the VM runs; and again through the VM's own log."""
    on_a_small_disk(
        """
        wait = "import sys, time; time.sleep(1.5); sys.exit(3)"
        assert ramet("run", "-d", "--name", "a", "python", "python3", "-c", wait)[0] == 0
        fill()
        assert ramet("wait", "a")[0] == 3
        (vm,) = json.loads(ramet("ps", "-a", "--json")[1])
        assert (vm["state"], vm["status"], vm["reason"]) == ("exited", 3, "exited"), vm
        assert ramet("rm", "a")[0] == 0
        os.unlink(f"{disk}/ballast")

        log = "import os, sys\\ntry:\\n  while True: os.write(1, b'x' * 4096)\\nexcept OSError as e: sys.exit(e.errno)"
        status, _, said = ramet("run", "-d", "--name", "b", "python", "python3", "-c", log)
        assert status in (0, 125), said
        assert ramet("wait", "b")[0] == 28
        (vm,) = json.loads(ramet("ps", "-a", "--json")[1])
        assert (vm["state"], vm["status"]) == ("exited", 28) and "No space left" in vm["message"], vm
        """,
        tmp_path,
    )


def test_what_cannot_start_says_why(tmp_path: Path) -> None:
    """Whatever is left of the disk: the program runs, or one line says that the disk is full, and nothing is left."""
    on_a_small_disk(
        """
        seen = set()
        for left in range(0, 32768, 4096):
            fill(left)
            status, out, said = ramet("run", "-d", "python", "python3", "-c", "raise SystemExit(5)")
            assert (status == 0 and not said) or (status == 125 and full(said)), (left, status, said)
            if status == 0:
                assert ramet("wait", out.strip())[0] == 5
            seen.add(status)
            assert ramet("rm", "-f", "-a")[0] == 0
            assert json.loads(ramet("ps", "-a", "--json")[1]) == []
            assert not os.listdir(f"{disk}/run/vms")
            os.unlink(f"{disk}/ballast")
        assert seen == {0, 125}, seen
        """,
        tmp_path,
    )
