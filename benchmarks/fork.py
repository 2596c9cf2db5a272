"""The time of a fork over resident memory, first and second, VM and process (figure 6 of the Nephele paper)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from ramet.bench.context import Context
from ramet.bench.samples import percentile, row

# MiB.
SIZES = (1, 4, 16, 64, 256, 1024, 4096)


def rows(context: Context) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """The rows of this figure: one for each size; the last has the curves of all."""
    points: dict[str, list[tuple[float, float]]] = {}
    for size in SIZES:
        yield f"fork.resident.{size}m", partial(resident, context, size, points)


def resident(context: Context, size: int, points: dict[str, list[tuple[float, float]]]) -> dict[str, Any]:
    """fork() as the parent sees it: the program's first, and a second after a child that has lived and been ended."""
    image = context.programs()
    samples: dict[str, list[tuple[float, float]]] = {"VM": [], "process": [], "process, 2 MiB pages": []}
    for _ in range(context.count(5 if size > 1024 else 15, 2)):
        for name, pages in (("VM", "as-is"), ("process", "4k"), ("process, 2 MiB pages", "2m")):
            args = ["/bench/forks", "again", "0", str(size), pages]
            if name == "VM":
                answer = context.run(image, args, memory=(size << 20) + (512 << 20))
            else:
                answer = context.chroot(image, args)
            before, after = json.loads(answer)
            samples[name].append((1e-9 * before, 1e-9 * after))
    for name, values in samples.items():
        for which, word in enumerate(("first", "second")):
            middle = percentile([value[which] for value in values], 0.5)
            points.setdefault(f"{name}, {word} fork", []).append((size << 20, middle))
    lines = [{"name": name, "points": list(line)} for name, line in points.items()]
    curve = {"title": "Fork over resident memory", "x": "resident B", "y": "s", "log": True, "lines": lines}
    return row(
        [first for first, _ in samples["VM"]],
        "s",
        baseline="native",
        baseline_samples=[first for first, _ in samples["process"]],
        others=[("native, 2 MiB pages", [first for first, _ in samples["process, 2 MiB pages"]])],
        params={"resident": size << 20, "second": percentile([second for _, second in samples["VM"]], 0.5)},
        curves=[curve] if size == SIZES[-1] else [],
    )
