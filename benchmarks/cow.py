"""What the first write to a page costs in a clone, beside a child of fork(2)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import ramet
from ramet.bench.context import Context
from ramet.bench.samples import row
from ramet.errors import HostError
from ramet.streams import DEVNULL

PAGES = (10, 1000, 10000)
WAIT = 30.0


def rows(context: Context) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """The rows of this figure."""
    for pages in PAGES:
        yield f"cow.{pages}", partial(writes, context, pages)


def writes(context: Context, pages: int) -> dict[str, Any]:
    """Mean time of the first write to each of so many pages, as the program sees it."""
    ours: list[float] = []
    native: list[float] = []
    program = context.compile("reset.c")
    options = {"pool": 0, "pool_maximum": 0, "working_set": False, "timeout": WAIT, "memory": "256M"}
    with ramet.freeze(context.programs(), ["/bench/reset", "cow", str(pages)], **options) as template:
        for _ in range(context.count(50, 5)):
            with template.clone(stdin=DEVNULL) as vm:
                ours.append(_sample(vm.communicate(timeout=WAIT).stdout.text))
            native.append(_sample(context.native([program, "cow", str(pages)])))
    return row(ours, "s", baseline="child of fork(2)", baseline_samples=native, params={"pages": pages})


def _sample(text: str) -> float:
    values = json.loads(text)
    if len(values) != 1:
        raise HostError(f"the program printed {text!r}")
    return 1e-9 * float(values[0])
