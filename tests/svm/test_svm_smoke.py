"""Hardware-style KVM (AMD SVM with nested paging, emulated by QEMU): what is fast on software KVM stays right there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOST = ROOT / "scripts/svm-host"
SMOKE = Path(__file__).with_name("smoke.py")

pytestmark = pytest.mark.skipif("SVM_HOST" in os.environ, reason="this is the emulated machine already")


@pytest.fixture(scope="session")
def python_image(session_home: Path) -> str:
    from ramet.image import Spec, Store, build

    return build(Spec.from_toml(ROOT / "images/python.toml"), store=Store(session_home)).name


def test_the_machine_comes_up_and_reports_the_status() -> None:
    command = "test -c /dev/kvm && grep -qw svm /proc/cpuinfo && uname -r && exit 3"
    done = subprocess.run(
        [HOST, "-t", "100", "--", "bash", "-c", command], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 3, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].endswith("-amd64")


@pytest.mark.timeout(600)
def test_python_freeze_clones_and_a_crash(python_image: str, session_home: Path) -> None:
    assert shutil.which("qemu-system-x86_64"), "qemu-system-x86 is missing: make setup installs it"
    environment = {**os.environ, "RAMET_HOME": str(session_home)}
    done = subprocess.run(
        [HOST, "-t", "550", "--", sys.executable, str(SMOKE), python_image],
        env=environment,
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
