"""One system call: patched sites in a VM beside the host kernel's."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from ramet.bench.context import Context
from ramet.bench.samples import row

# Name: calls a batch, ratio to reach.
CALLS: dict[str, tuple[int, float]] = {
    "getppid": (200_000, 0.3),
    "read_1k": (50_000, 0.7),
    "clock_gettime": (200_000, 1.1),
    "mmap_64k": (500, 3.0),
}


def rows(context: Context) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """The rows of this figure."""
    for name in CALLS:
        yield f"syscall.{name}", partial(measure, context, name)


def measure(context: Context, name: str) -> dict[str, Any]:
    """By turns; `read_1k` reads the program's own file, which in the VM is the image's."""
    image = context.programs()
    program = context.root(image) / "bench/syscalls"
    program.chmod(0o755)
    calls, limit = CALLS[name]
    counts = [str(context.count(20, 5)), str(context.count(calls, calls // 5))]
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(context.count(5, 2)):
        theirs += [1e-9 * value for value in json.loads(context.native([program, name, program, *counts]))]
        answer = context.run(image, ["/bench/syscalls", name, "/bench/syscalls", *counts])
        ours += [1e-9 * value for value in json.loads(answer)]
    return row(
        ours, "s", baseline="native", baseline_samples=theirs, ratio_limit=limit, params={"calls_per_sample": calls}
    )
