"""Processes of a session seen from outside and inside: a VM that is stopped or killed on the host harms nobody else."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from limits import LIMIT

import ramet

pytestmark = pytest.mark.usefixtures("kvm")

LOOKER = """
import json, os, signal, sys, time
pid = os.fork()
if pid == 0:
    while True:
        time.sleep(1)
def look():
    begin = time.monotonic()
    text = open(f"/proc/{pid}/status").read()
    names = sorted(os.listdir(f"/proc/{pid}/fd"))
    return {"seconds": time.monotonic() - begin, "named": "Name:" in text, "threads": "Threads:" in text, "fd": names}
print(json.dumps(look()), flush=True)
sys.stdin.readline()
print(json.dumps([look(), look()]), flush=True)
sys.stdin.readline()
print(json.dumps(look()), flush=True)
sys.stdin.readline()
print(json.dumps(os.waitpid(pid, 0)[1]), flush=True)
"""


def child_of(vmm: int) -> int:
    """The process of a child's VM on the host."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if parent == vmm and b"keeper" not in words:
            return int(entry.name)
    raise AssertionError("the child has no process")


def test_a_vm_that_is_stopped_on_the_host_keeps_nobody_waiting() -> None:
    with ramet.run("python", ["python3", "-c", LOOKER]) as vm:
        assert vm.stdin is not None and vm.stdout is not None

        def told(line: bytes = b"") -> object:
            assert vm.stdin is not None and vm.stdout is not None
            if line:
                vm.stdin.write(line)
                vm.stdin.flush()
            return json.loads(vm.stdout.readline())

        first = told()
        assert isinstance(first, dict) and first["fd"] and first["named"]
        child = child_of(vm.pid or 0)
        os.kill(child, signal.SIGSTOP)
        looks = told(b"\n")
        assert isinstance(looks, list)
        # The first look waits for an answer once; from then on nobody does until the VM answers.
        assert looks[0]["seconds"] < 8 and looks[1]["seconds"] < 2
        assert looks[1]["named"] and looks[1]["fd"] == []
        os.kill(child, signal.SIGCONT)
        again = told(b"\n")
        assert isinstance(again, dict) and again["named"]
        os.kill(child, signal.SIGKILL)
        assert told(b"\n") == signal.SIGKILL
        assert vm.communicate(timeout=LIMIT).ok
