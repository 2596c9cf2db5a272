"""A host that gives an ordinary user no more processes: fork says EAGAIN, the parent is unharmed."""

from __future__ import annotations

import json
import resource
from pathlib import Path

import pytest
from test_ordinary_user import User, place
from test_session_faults import FORKS

__all__ = ["place"]


@pytest.mark.parametrize("begun", [False, True], ids=["first-fork", "later"])
def test_no_more_processes(kvm: dict[str, str], session_home: Path, place: Path, begun: bool) -> None:
    user = User(place, session_home, member=True, image="test-tools")
    program = "exit 0 if !fork; wait; " + FORKS if begun else FORKS
    vm = user.start("run", "-i", "--rm", "--name", "v", "test-tools", "perl", "-MErrno", "-e", program)
    assert vm.stdin is not None and vm.stdout is not None
    try:
        assert vm.stdout.readline() == "begin\n"
        (document,) = [d for d in json.loads(user("ps", "--json", check=0).stdout) if d["name"] == "v"]
        # Of the user's, whatever else runs: none may be made.
        soft, _ = resource.getrlimit(resource.RLIMIT_NPROC)
        user.limit(document["pid"], "nproc", 0)
        vm.stdin.write("\n")
        vm.stdin.flush()
        assert [vm.stdout.readline() for _ in range(4)] == ["EAGAIN\n"] * 3 + ["4\n"]
        user.limit(document["pid"], "nproc", soft)
        vm.stdin.write("\n")
        vm.stdin.flush()
        assert vm.stdout.readline() == "7\n"
        assert vm.wait(30) == 0
    except BaseException:
        vm.kill()
        raise
    finally:
        assert vm.stderr is not None
        errors = vm.communicate(timeout=30)[1]
    lines = ["ramet: kernel: fork: no keeper of sessions could be started: EAGAIN"] * 3
    assert errors.splitlines() == ([] if begun else lines)
