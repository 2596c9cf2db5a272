"""The pause of a running program while it is cloned: the longest time in which it did not look at the clock."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import ramet
from ramet.bench.context import Context
from ramet.bench.samples import row
from ramet.errors import HostError

# Resident memory of the program, MiB.
SIZE = 4096
# Looks at the clock while it is told to, and says the longest pause; others of its session do nothing but live.
PROGRAM = """
import os, select, sys, time
size, others = int(sys.argv[1]), int(sys.argv[2])
memory = bytearray(size << 20)
memory[::4096] = b"x" * len(memory[::4096])
for _ in range(others):
    if os.fork() == 0:
        time.sleep(1000)
clock = time.perf_counter_ns
def longest(seconds):
    pause, last = 0, clock()
    end = last + int(seconds * 1e9)
    while last < end:
        now = clock()
        if now - last > pause:
            pause = now - last
        last = now
    return pause
for line in sys.stdin:
    print("now", flush=True)
    print(longest(float(line)), flush=True)
"""
# Time in which the clone is made, and as long a one without it, s.
WINDOW = 0.25


def rows(context: Context) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """The rows of this figure."""
    yield "clone.live", partial(pause, context, SIZE, 0, 0.004)
    yield "clone.live.session", partial(pause, context, 64, 4, None)


def pause(context: Context, size: int, others: int, limit: float | None) -> dict[str, Any]:
    """The longest pause in a time in which a clone was made, beside the longest in a time in which none was."""
    with_clone: list[float] = []
    without: list[float] = []
    args = ["python3", "-c", PROGRAM, str(size), str(others)]
    with ramet.run(context.python(), args, memory=(size << 20) + (512 << 20)) as vm:
        _window(vm, clones=False)
        for _ in range(context.count(30, 3)):
            without.append(_window(vm, clones=False))
            with_clone.append(_window(vm, clones=True))
    return row(
        with_clone,
        "s",
        baseline="no clone",
        baseline_samples=without,
        limit=limit,
        params={"resident": size << 20, "processes": 1 + others},
    )


def _window(vm: ramet.VM, *, clones: bool) -> float:
    assert vm.stdin is not None and vm.stdout is not None
    vm.stdin.write(f"{WINDOW}\n".encode())
    vm.stdin.flush()
    if vm.stdout.readline() != b"now\n":
        raise HostError("the program that is to be cloned has ended")
    clone = vm.clone(paused=True) if clones else None
    longest = json.loads(vm.stdout.readline())
    if clone is not None:
        clone.kill()
    return 1e-9 * float(longest)
