"""Two threads of a program that wake each other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from ramet.bench.context import Context
from ramet.bench.samples import row


def rows(context: Context) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """The rows of this figure."""
    yield "threads.switch", partial(measure, context)


def measure(context: Context) -> dict[str, Any]:
    """Native threads may use all CPUs, as they would; pinned to one CPU, as a VM's are, is the other baseline."""
    image = context.programs()
    program = context.compile("switch.c")
    counts = [str(context.count(10, 4)), str(context.count(20_000, 3_000))]
    ours: list[float] = []
    theirs: list[float] = []
    pinned: list[float] = []
    for _ in range(context.count(4, 2)):
        theirs += [1e-9 * value for value in json.loads(context.native([program, *counts]))]
        pinned += [1e-9 * value for value in json.loads(context.native([program, *counts], pin=True))]
        ours += [1e-9 * value for value in json.loads(context.run(image, ["/bench/switch", *counts]))]
    return row(
        ours,
        "s",
        baseline="native",
        baseline_samples=theirs,
        others=[("native, one CPU", pinned)],
        ratio_limit=0.5,
    )
