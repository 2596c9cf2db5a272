"""A clone back at its start, and the run that dirties the same pages again, beside a new clone, and a copy of all."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import ramet
from ramet.bench.context import Context
from ramet.bench.samples import row
from ramet.errors import HostError
from ramet.streams import DEVNULL

PAGES = (1, 10, 100, 1000, 10000)
LIMITS = {10: 0.000045}
WAIT = 30.0


def rows(context: Context) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """The rows of this figure."""
    for pages in PAGES:
        yield f"reset.{pages}", partial(cycle, context, pages)
    yield "reset.api", partial(api, context)


def template(context: Context, pages: int) -> ramet.Template:
    """A program that goes back by itself."""
    return ramet.freeze(
        context.programs(), ["/bench/reset", str(pages)], pool=2, timeout=WAIT, memory="256M", resettable=True
    )


def plain(context: Context, pages: int) -> ramet.Template:
    """The same for clones that cannot: they have 2 MiB pages."""
    return ramet.freeze(context.programs(), ["/bench/reset", str(pages)], pool=2, timeout=WAIT, memory="256M")


def cycle(context: Context, pages: int) -> dict[str, Any]:
    """One run and the reset after it: means over many short times. The program itself asks for it."""
    samples, clones = [], []
    with template(context, pages) as origin, plain(context, pages) as other:
        present = origin.info()["memory"]["present"]
        with origin.clone(stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL) as vm:
            _resets(vm)
            time.sleep(0.3)
            for _ in range(context.count(100, 10)):
                first, began = _resets(vm), time.perf_counter()
                time.sleep(0.05)
                last, ended = _resets(vm), time.perf_counter()
                if last == first:
                    raise HostError("the clone does not go back")
                samples.append((ended - began) / (last - first))
        for _ in range(context.count(50, 8)):
            time.sleep(0.05)
            clones.append(_once(other))
    return row(
        samples,
        "s",
        baseline="a new clone, to its output",
        baseline_samples=clones,
        others=[("a copy of all its RAM", [_copy(present) for _ in range(5)])],
        limit=LIMITS.get(pages),
        params={"pages": pages, "present": present},
    )


def _resets(vm: ramet.VM) -> int:
    return int(vm.info()["resets"])


def _once(origin: ramet.Template) -> float:
    start = time.perf_counter()
    with origin.clone(input="once", stdin=DEVNULL, stderr=DEVNULL) as vm:
        assert vm.stdout is not None
        if vm.stdout.read(1) != b".":
            raise HostError("a clone did not answer")
        return time.perf_counter() - start


def _copy(size: int) -> float:
    source, target = ctypes.create_string_buffer(size), ctypes.create_string_buffer(size)
    ctypes.memset(source, 1, size)
    ctypes.memset(target, 2, size)
    start = time.perf_counter()
    ctypes.memmove(target, source, size)
    return time.perf_counter() - start


def api(context: Context) -> dict[str, Any]:
    """`vm.reset()` and the next line that the clone writes, through the Python API."""
    program = "import ramet_guest\nramet_guest.ready()\nfor line in open(0):\n    print(line, end='', flush=True)\n"
    samples = []
    with (
        ramet.freeze(context.python(), ["python3", "-c", program], resettable=True, timeout=WAIT) as origin,
        origin.clone() as vm,
    ):
        assert vm.stdin is not None and vm.stdout is not None
        for number in range(context.count(200, 20)):
            start = time.perf_counter()
            vm.reset()
            vm.stdin.write(b"%d\n" % number)
            line = vm.stdout.readline()
            samples.append(time.perf_counter() - start)
            if line != b"%d\n" % number:
                raise HostError(f"the clone answered {line!r}")
    return row(samples, "s")
