"""The demo, with fewer clones: every answer is right, and it says so."""

from __future__ import annotations

import subprocess
import sys

import pytest
from limits import LIMIT

pytestmark = pytest.mark.usefixtures("kvm")


def test_demo() -> None:
    program = "import ramet.demo as demo, sys; demo.CLONES = 8; demo.NATIVE = 2; demo.BOOTS = 2; sys.exit(demo.main())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "16 of 16 clones answered correctly, with 16 different random UUIDs" in done.stdout
    for row in ("cold boot", "p50", "p99", "memory"):
        assert row in done.stdout
