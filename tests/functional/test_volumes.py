"""Volumes: host directories and files in a VM, with real VMs."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from pathlib import Path

import pytest
from limits import LIMIT

import ramet

pytestmark = pytest.mark.usefixtures("kvm")

PROGRAMS = Path(__file__).resolve().parents[1] / "volumes"
SHORT = 10 * 4096 + 5  # what truncated.c expects


@pytest.fixture(scope="session")
def truncated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("volumes") / "truncated"
    subprocess.run(["gcc", "-O1", "-static", "-o", program, PROGRAMS / "truncated.c"], check=True, timeout=LIMIT)
    return program


def said(vm: ramet.VM, input: str | None = None) -> str:
    result = vm.communicate(input, timeout=LIMIT)
    assert result.status == 0, (result.reason, result.stderr)
    return result.stdout.decode()


def test_files_mappings_databases_and_what_is_outside(tmp_path: Path) -> None:
    root, fixed = tmp_path / "root", tmp_path / "fixed"
    root.mkdir()
    fixed.mkdir()
    (fixed / "file").write_text("fixed\n")
    (tmp_path / "single").write_text("single\n")
    (root / "outside").symlink_to("/etc/passwd")
    (root / "host").symlink_to(tmp_path / "single")
    volumes = [  # the inner one first: the order does not matter
        f"{fixed}:/mnt/a/inner/fixed:ro",
        f"{root}:/mnt/a",
        f"{tmp_path}/single:/etc/single:ro",
        f"{PROGRAMS}:/programs:ro",
    ]
    with ramet.run("python", ["python3", "/programs/operations.py", "/mnt/a"], volumes=volumes) as vm:
        assert said(vm) == "['/etc/single ro', '/mnt/a rw', '/mnt/a/inner/fixed ro', '/programs ro']\n"
    assert (root / "renamed").read_text() == "wriapp"
    assert os.readlink(root / "link") == "renamed"
    assert (root / "big").read_bytes()[5:7] == b"cZ"
    with sqlite3.connect(root / "base") as base:
        assert base.execute("select count(*) from t").fetchone() == (2001,)
    assert os.listdir(fixed) == ["file"]


@pytest.mark.parametrize("who", ["guest", "host"])
def test_a_page_behind_the_end_is_sigbus_at_its_address(tmp_path: Path, truncated: Path, who: str) -> None:
    expected = subprocess.run(
        [truncated, tmp_path / "native"], capture_output=True, text=True, check=True, timeout=LIMIT
    )
    volumes = [f"{tmp_path}:/mnt", f"{truncated.parent}:/programs:ro"]
    command = ["/programs/truncated", "/mnt/file"]
    if who == "guest":
        with ramet.run("python", command, volumes=volumes) as vm:
            assert said(vm) == expected.stdout
        return
    with ramet.run("python", [*command, "wait"], volumes=volumes) as vm:
        assert vm.stdout is not None and vm.stdout.readline() == b"mapped\n"
        os.truncate(tmp_path / "file", SHORT)
        assert said(vm, "go\n") == expected.stdout


CLONED = """
import errno, mmap, os, ramet_guest
file = open('/mnt/file', 'r+b')
shared = mmap.mmap(file.fileno(), 0)
shared[0] = 65
me = ramet_guest.ready()
def error(action):
    try: action()
    except OSError as failure: return errno.errorcode[failure.errno]
    return 'none'
mode = [line.split()[3][:2] for line in open('/proc/mounts') if ' /mnt ' in line][0]
print(mode, error(lambda: os.pwrite(file.fileno(), b'q', 3)), shared[0], shared[16384], flush=True)
if me.input: shared[int(me.input)] = 67
"""


def test_mappings_of_a_clone_can_be_read_and_not_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 20_000)
    with ramet.freeze("python", ["python3", "-c", CLONED], volumes=[f"{tmp_path}:/mnt"]) as template:
        with template.clone() as vm:
            assert said(vm) == "ro EROFS 65 120\n"
        for touched in ("1", "8192"):
            with template.clone(input=touched) as vm:
                result = vm.communicate(timeout=LIMIT)
                assert (result.status, result.reason) == (135, "signal"), result.stderr
        assert (tmp_path / "file").read_bytes() == b"A" + b"x" * 19_999
        with template.clone(input="1", share_volumes=True) as vm:
            assert said(vm) == "rw none 65 120\n"
        assert (tmp_path / "file").read_bytes() == b"ACxq" + b"x" * 19_996


def test_a_volume_that_cannot_be_mounted_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with ramet.run("python", ["python3", "-c", "pass"], volumes=[f"{tmp_path}/file:/usr"]) as vm:
        with pytest.raises(ramet.VMError, match="volume at /usr: ENOTDIR"):
            vm.communicate(timeout=LIMIT)
        ended = vm.ended
    assert ended is not None and (ended.status, ended.reason) == (125, "failed")


def test_a_volume_that_is_missing_or_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for name, why in [("missing", "is missing"), ("fifo", "not a directory or a regular file")]:
        with pytest.raises(ramet.UsageError, match=why):
            ramet.run("python", ["true"], volumes=[f"{tmp_path}/{name}:/mnt"])
