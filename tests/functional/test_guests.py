"""Tiny programs, one per behaviour, run natively and in the VM: the two outputs and statuses are the same."""

from __future__ import annotations

import random
import re
import signal
import time
from typing import Any

import guest_harness
import pytest
from guest_harness import Case, Guests

CASES = guest_harness.all_cases()
BAD = [
    "empty",
    "short-header",
    "no-program-headers",
    "half-program-headers",
    "not-elf",
    "machine-arm",
    "class-32",
    "big-endian",
    "relocatable",
    "header-size-odd",
    "headers-far-away",
    "no-headers",
    "interpreter-missing",
    "interpreter-is-text",
    "script-without-interpreter",
    "no-permission",
    "directory",
    "missing",
    "missing-in-path",
    "below-a-file",
]


# What is not served (docs/spec/system-calls.md, README): the day it is, its case says so.
NOT_SERVED: dict[str, str] = {}


def expected(case: Case) -> Any:
    reason = NOT_SERVED.get(guest_harness.identity(case))
    marks = [pytest.mark.xfail(strict=True, reason=reason)] if reason else []
    return pytest.param(case, id=guest_harness.identity(case), marks=marks)


@pytest.mark.parametrize("case", [expected(case) for case in CASES])
def test_same_as_native(guests: Guests, case: Case) -> None:
    native = guests.native(case)
    first = guests.vm(case)
    problems = guest_harness.guest_compare.differences(case, native, first)
    if case["repeat"] and not problems:
        problems = guest_harness.guest_compare.differences(case, first, guests.vm(case))
    assert not problems, "\n".join([case["name"], *problems, "stderr: " + first.stderr])


@pytest.mark.parametrize("name", BAD)
def test_no_program(guests: Guests, name: str) -> None:
    entry = guests.bad[f"bad/{name}"]
    done = guests.command(entry["argv"])
    assert done.returncode == entry["status"], done.stderr
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("ramet"), done.stderr
    assert done.stdout == ""
    # What cannot be opened is named, and no error is a bare number's name.
    assert {
        "interpreter-missing": "its interpreter /lib64/no-linux-x86-64.so.2: no such file",
        "script-without-interpreter": "its interpreter /no/such/interpreter: no such file",
    }.get(name, "") in done.stderr
    assert not re.search(r": E[A-Z]+\n", done.stderr), done.stderr


def test_every_bad_program_is_listed(guests: Guests) -> None:
    assert sorted(guests.bad) == sorted(f"bad/{name}" for name in BAD)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_hundred_thousand_kicks(guests: Guests) -> None:
    """A timer inside that goes off after random times, and signals from the host, change no result."""
    (case,) = [case for case in CASES if case["name"].startswith("signals/kicks-static")]
    program = {**case, "argv": [case["path"], "100000"]}
    sent = 0
    with guests.start(program, timeout=280) as vm:
        assert vm.stdout is not None and vm.stdout.readline() == b"ready for kicks\n"
        while vm.ended is None and not vm.see_end():
            try:
                vm.signal(signal.SIGUSR1)
            except Exception:
                break  # it has ended in the meantime: what counts is its output
            sent += 1
            time.sleep(random.uniform(0, 0.006))
        done = vm.communicate()
    assert done.status == 0, done.stderr
    assert "general 0, double 0, x87 0, vector 0, calls 0, other thread 0" in done.stdout.text
    assert "enough kicks: yes" in done.stdout.text
    # Of the host's kicks a few hundred a second, whatever else the machine does.
    assert sent > 500, sent
