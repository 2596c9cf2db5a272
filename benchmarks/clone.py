"""Clones of a warm Python template."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import ramet
from ramet import registry
from ramet.bench.context import Context
from ramet.bench.samples import row
from ramet.errors import HostError
from ramet.registry.control import Control
from ramet.streams import DEVNULL, Streams

WARM = """
import asyncio, decimal, email, hashlib, http.client, json, sqlite3, xml.etree.ElementTree
import ramet_guest
me = ramet_guest.ready()
print(json.dumps(me.input), flush=True)
if me.args:
    import time
    time.sleep(60)
"""


def rows(context: Context) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """The rows of this figure."""
    yield "clone.fork", partial(fork, context)
    yield "clone.answer", partial(answer, context)


def fork(context: Context) -> dict[str, Any]:
    """From the client's write of its request to the time stamp that the clone's kernel writes, no pool of clones."""
    tsc, hertz = context.clock()
    samples = []
    with ramet.freeze(context.python(), ["python3", "-c", WARM]) as template:
        resident = template.info()["memory"]["present"]
        with Control(template.directory, template.name) as control:
            for _ in range(context.count(300, 30)):
                samples.append(_one(control, tsc) / hertz)
    return row(samples, "s", limit=0.0008, params={"resident": resident})


def _one(control: Control, tsc: Any) -> float:
    """One clone, which stays until it was asked for its time stamp."""
    entry = registry.create(origin="clone")
    streams = Streams(DEVNULL, DEVNULL, DEVNULL)
    clone = {
        "id": entry.id,
        "name": entry.id,
        "directory": str(entry.directory),
        "args": ["stay"],
        "env": {},
        "input": None,
    }
    request = {"op": "clone", "clone": {**clone, "paused": False, "tty": False, "share_volumes": False}}
    try:
        asked = tsc()
        control.call(request, streams.child)
        limit = time.monotonic() + 5
        while time.monotonic() < limit:
            info = entry.status().info
            if info and info.get("first_instruction_tsc", 0) > asked:
                return float(info["first_instruction_tsc"] - asked)
        raise HostError("the clone's first time stamp could not be had")
    finally:
        streams.started()
        registry.remove(entry, force=True)


def answer(context: Context) -> dict[str, Any]:
    """From `template.clone()` to the clone's first line of output, everything of the Python API included."""
    samples = []
    with ramet.freeze(context.python(), ["python3", "-c", WARM]) as template:
        for number in range(context.count(200, 20)):
            start = time.perf_counter()
            with template.clone(input=str(number)) as vm:
                assert vm.stdout is not None
                line = vm.stdout.readline()
                samples.append(time.perf_counter() - start)
                if line != b'"%d"\n' % number:
                    raise HostError(f"a clone answered {line!r}")
    return row(samples, "s")
