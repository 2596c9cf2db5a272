"""An instance among more and more that are alive: booted, cloned, and a process (figure 4 of the Nephele paper)."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import ramet
from ramet.bench.context import Context
from ramet.bench.samples import percentile, row
from ramet.errors import HostError
from ramet.streams import DEVNULL

# It says that it may be frozen, writes a line, and waits. "no": nobody freezes it.
IDLE = "/bench/idle"


def rows(context: Context) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """The rows of this figure."""
    yield "instantiation.1000", partial(instantiation, context)


def instantiation(context: Context) -> dict[str, Any]:
    """Seconds from asking for an instance to its line of output, a thousand times, all of them alive."""
    most = context.count(1000, 60)
    image = context.programs()
    root = context.root(image)
    with ramet.freeze(image, [IDLE]) as template:
        cloned = _vms(most, lambda: template.clone(stdin=DEVNULL, stderr=DEVNULL))
    booted = _vms(most, lambda: ramet.run(image, [IDLE, "no"], stdin=DEVNULL, stderr=DEVNULL))
    processes = _processes(most, [str(root / IDLE[1:]), "no"])
    step = max(1, most // 100)
    lines = [
        {
            "name": name,
            "points": [(at + step, percentile(times[at : at + step], 0.5)) for at in range(0, most, step)],
        }
        for name, times in (("boot", booted), ("clone", cloned), ("process", processes))
    ]
    return row(
        cloned,
        "s",
        baseline="native",
        baseline_samples=processes,
        others=[("booted VM", booted)],
        params={"instances": most},
        curves=[{"title": "Instantiation over instances", "x": "instances alive", "y": "s", "lines": lines}],
    )


def _vms(most: int, make: Callable[[], ramet.VM]) -> list[float]:
    times: list[float] = []
    vms: list[ramet.VM] = []
    try:
        for _ in range(most):
            start = time.perf_counter()
            vm = make()
            vms.append(vm)
            assert vm.stdout is not None
            line = vm.stdout.readline()
            times.append(time.perf_counter() - start)
            if line != b"here\n":
                raise HostError(f"{vm.name} answered {line!r}")
    finally:
        for vm in vms:
            vm.remove(force=True)
    return times


def _processes(most: int, command: list[str]) -> list[float]:
    times: list[float] = []
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(most):
            start = time.perf_counter()
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, bufsize=0)
            processes.append(process)
            assert process.stdout is not None
            line = os.read(process.stdout.fileno(), 16)
            times.append(time.perf_counter() - start)
            if line != b"here\n":
                raise HostError(f"a process answered {line!r}")
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    return times
