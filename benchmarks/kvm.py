"""What this host's KVM costs, without any of Ramet: read the other rows beside these."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from ramet.bench.context import Context
from ramet.bench.samples import row

ROWS = ("exit", "kick", "touch")


def rows(context: Context) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """The rows of this figure."""
    for name in ROWS:
        yield f"kvm.{name}", partial(measure, context, name)


def measure(context: Context, name: str) -> dict[str, Any]:
    """A VM of a few bytes, made by a program of 150 lines (`benchmarks/guests/kvmprobe.c`)."""
    probe = context.compile("kvmprobe.c")
    samples: list[float] = []
    for _ in range(context.count(5, 2)):
        measured = json.loads(context.native([probe, "150"]))
        samples += [sample / 1e9 for sample in measured[name]]
    return row(samples, "s")
