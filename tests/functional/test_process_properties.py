"""Random programs of process operations give the same account natively and in VMs.

A program is data for one guest, ``tests/guests/process/program/interpreter.c``: up to six processes that fork, execute,
wait, signal one another and share descriptions, locks, pipes and memory, one step at a time.
"""

from __future__ import annotations

import os
from typing import Any

import guest_harness
import pytest
from guest_harness import Case, Guests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SOAK = int(os.environ.get("RAMET_SOAK", "1"))
SLOT = st.sampled_from([0, 0, 0, 1, 1, 1, 2, 2, 3, 4, 5])
DESCRIPTOR = st.sampled_from([0, 0, 0, 1, 2, 3, 3, 4])
SMALL = st.integers(0, 3)
BIT = st.integers(0, 1)
LENGTH = st.sampled_from([0, 1, 2, 7, 100, 500])
OFFSET = st.sampled_from([0, 1, 5, 100, 4000])
SIGNAL = st.sampled_from([0, 9, 10, 10, 10, 15])


def step(name: str, *arguments: st.SearchStrategy[int]) -> st.SearchStrategy[str]:
    """One step by any process."""
    return st.tuples(SLOT, *arguments).map(lambda drawn: ":".join([str(drawn[0]), name, *map(str, drawn[1:])]))


PROCESSES = st.one_of(
    step("fork", SLOT),
    step("fork", SLOT),
    step("exit", st.integers(0, 255)),
    step("exec"),
    step("kill", SLOT, SIGNAL),
    step("killpg", SLOT, SIGNAL),
    step("wait", SLOT),
    step("waitall"),
    step("ppid"),
    step("pgid", SLOT),
    step("sid", SLOT),
    step("setpgid", SLOT, SLOT),
    step("setsid"),
    step("signals"),
    step("block", BIT),
    step("ignorechld", BIT),
)
DESCRIPTIONS = st.one_of(
    step("open", DESCRIPTOR, SMALL, SMALL),
    step("close", DESCRIPTOR),
    step("dup", DESCRIPTOR, DESCRIPTOR),
    step("pipe", DESCRIPTOR, DESCRIPTOR),
    step("socketpair", DESCRIPTOR, DESCRIPTOR),
    step("read", DESCRIPTOR, LENGTH),
    step("write", DESCRIPTOR, st.integers(0, 25), LENGTH),
    step("pread", DESCRIPTOR, OFFSET, LENGTH),
    step("pwrite", DESCRIPTOR, st.integers(0, 25), OFFSET),
    step("lseek", DESCRIPTOR, OFFSET, st.integers(0, 2)),
    step("truncate", DESCRIPTOR, st.sampled_from([0, 3, 4096, 5000])),
    step("append", DESCRIPTOR, BIT),
    step("getfl", DESCRIPTOR),
    step("cloexec", DESCRIPTOR, BIT),
    step("size", DESCRIPTOR),
    step("poll", DESCRIPTOR),
    step("flock", DESCRIPTOR, st.sampled_from([0, 2, 2, 8])),
    step("lock", DESCRIPTOR, st.integers(0, 2), st.integers(0, 31), st.integers(0, 31)),
    step("getlk", DESCRIPTOR),
)
OBJECTS = st.one_of(
    step("epoll", DESCRIPTOR),
    step("epadd", DESCRIPTOR, DESCRIPTOR, SMALL),
    step("epadd", DESCRIPTOR, DESCRIPTOR, SMALL),
    step("epmod", DESCRIPTOR, DESCRIPTOR, SMALL),
    step("epdel", DESCRIPTOR, DESCRIPTOR),
    step("epwait", DESCRIPTOR),
    step("epwait", DESCRIPTOR),
    step("eventfd", DESCRIPTOR, SMALL, BIT),
    step("evwrite", DESCRIPTOR, SMALL),
    step("evread", DESCRIPTOR),
    step("dgrams", DESCRIPTOR, DESCRIPTOR, BIT),
    step("socketpair", DESCRIPTOR, DESCRIPTOR),
    step("shutdown", DESCRIPTOR, st.integers(0, 2)),
    step("send", DESCRIPTOR, DESCRIPTOR),
    step("receive", DESCRIPTOR, DESCRIPTOR, LENGTH),
)
MEMORY = st.one_of(
    step("mmap", SMALL, st.integers(0, 2), DESCRIPTOR),
    step("munmap", SMALL),
    step("poke", SMALL, st.integers(0, 15), st.integers(0, 255)),
    step("peek", SMALL, st.integers(0, 15)),
)
NAMES = st.one_of(
    step("unlink", SMALL),
    step("rename", SMALL, SMALL),
    step("link", SMALL, SMALL),
    step("mkdir"),
    step("rmdir"),
    step("chdir", BIT),
    step("umask", st.sampled_from([0, 0o22, 0o77])),
    step("mode", SMALL),
)
BEGINNING = ["0:open:0:0", "0:pipe:1:2", "0:mmap:0:0", "0:fork:1", "0:fork:2", "1:open:3:0", "2:open:3:0"]
# The programs that are the same every time were made before there were objects; a soak run has them too.
PARTS = [PROCESSES, DESCRIPTIONS, DESCRIPTIONS, MEMORY, NAMES, *([OBJECTS, OBJECTS] if SOAK > 1 else [])]
PROGRAM = st.lists(st.one_of(PARTS), min_size=15, max_size=70).map(lambda steps: " ".join(BEGINNING + steps))


def interpreter(program: str) -> Case:
    """The case of the interpreter with this program."""
    cases = guest_harness.guest_build.plan(guest_harness.Path("/nowhere"), ["process"])[0]
    case: dict[str, Any] = next(case for case in cases if str(case["name"]).startswith("process/program/interpreter-"))
    return {**case, "argv": [case["path"], program]}


@pytest.mark.timeout(900 * SOAK)
@settings(
    max_examples=60 * SOAK,
    deadline=None,
    # The same programs every time; a soak run tries new ones.
    derandomize=SOAK == 1,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(program=PROGRAM)
def test_programs_of_processes_do_the_same(guests: Guests, program: str) -> None:
    case = interpreter(program)
    native = guests.native(case)
    assert native.status == 0, native.stdout
    problems = guest_harness.guest_compare.differences(case, native, guests.vm(case))
    assert not problems, "\n".join([program, *problems])
