"""From the start of the VMM to the program's first instruction, and to the end of a short Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from ramet import registry
from ramet.bench.context import Context
from ramet.bench.samples import row
from ramet.image import Image


def rows(context: Context) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """The rows of this figure."""
    yield "boot.hello", partial(hello, context)
    yield "boot.python", partial(python, context)


def boot(context: Context, image: Image, args: Sequence[str]) -> dict[str, Any]:
    """One VM, timed from just before its VMM is started."""
    entry, command = context.vmm_command(image, args)
    try:
        return context.timed(command)
    finally:
        registry.discard(entry)


def hello(context: Context) -> dict[str, Any]:
    """A static program whose first instruction reads the time stamp counter."""
    image = context.programs()
    program = context.compile("hello.c", "-static", "-nostdlib", "-nostartfiles")
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(context.count(100, 15)):
        ours.append(boot(context, image, ["/bench/hello"])["first"])
        theirs.append(context.timed([program])["first"])
    return row(ours, "s", baseline="native", baseline_samples=theirs, limit=0.005)


def python(context: Context) -> dict[str, Any]:
    """`python3 -S -c pass`, from start to end."""
    image = context.python()
    native = context.native_python(image)
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(context.count(40, 8)):
        ours.append(boot(context, image, ["python3", "-S", "-c", "pass"])["total"])
        theirs.append(context.timed([*native, "-S", "-c", "pass"])["total"])
    return row(ours, "s", baseline="native", baseline_samples=theirs, ratio_limit=2.5)
