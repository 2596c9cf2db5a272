"""Ten thousand clones alive at once: what the last thousand cost, beside the first thousand."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import ramet
from ramet import registry
from ramet.bench.context import Context
from ramet.bench.samples import row
from ramet.errors import HostError
from ramet.registry import Entry
from ramet.registry.pool import CloneSocket
from ramet.streams import DEVNULL, PIPE, Streams

WARM = """
import json, signal
import ramet_guest
me = ramet_guest.ready()
print(json.dumps(me.input), flush=True)
signal.pause()
"""
# This part of the host's memory stays free.
SPARE = 0.03


def rows(context: Context) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """The rows of this figure."""
    yield "density.10000", partial(density, context)


def density(context: Context) -> dict[str, Any]:
    """Seconds for a tenth of all clones, one at a time: the last tenth, beside the first."""
    count = context.count(10_000, 200)
    part = count // 10
    parts: list[float] = []
    times: list[float] = []
    alive: list[Entry] = []
    before = _memory()["MemAvailable"]
    with ramet.freeze(context.python(), ["python3", "-c", WARM], pool=4, pool_maximum=16) as template:
        socket = CloneSocket(template.directory)
        try:
            while len(alive) < count:
                start = time.perf_counter()
                for _ in range(part):
                    began = time.perf_counter()
                    alive.append(_one(template, socket, len(alive)))
                    times.append(time.perf_counter() - began)
                parts.append(time.perf_counter() - start)
                memory = _memory()
                if memory["MemAvailable"] < SPARE * memory["MemTotal"] and len(alive) < count:
                    raise HostError(f"{len(alive)} clones of {count} fill the host's memory")
            _all_alive(alive)
            used = (before - _memory()["MemAvailable"]) / count
        finally:
            for entry in alive:
                _kill(entry)
            for entry in alive:
                registry.remove(entry, force=True)
    step = max(1, count // 200)
    points = [(at + step, sorted(times[at : at + step])[step // 2]) for at in range(0, count, step)]
    return row(
        [parts[-1]],
        "s",
        baseline=f"the first {part}",
        baseline_samples=[parts[0]],
        ratio_limit=2,
        params={"clones": count, "memory_per_clone": used},
        curves=[
            {
                "title": "A clone's answer over clones alive",
                "x": "clones alive",
                "y": "s",
                "lines": [{"name": "request to answer, medians", "points": points}],
            }
        ],
    )


def _one(template: ramet.Template, socket: CloneSocket, number: int) -> Entry:
    """A clone that has answered and goes on; nothing of this process's stays with it."""
    name = os.urandom(8).hex()
    directory = template.directory.parent / name
    record = {"id": name, "parent": template.id, "creator": [os.getpid(), None]}
    document = {"id": name, "name": name, "directory": str(directory), "record": record, "input": str(number)}
    streams = Streams(DEVNULL, PIPE, DEVNULL)
    near = streams.near[1]
    assert near is not None
    try:
        pending = socket.send(document, streams.child, None)
        if pending is None:
            raise HostError("the template has no clone socket")
        answer = pending.receive(template.name)
        streams.started()
        text = os.read(near, 4096)
        if text != b'"%d"\n' % number:
            raise HostError(f"a clone answered {text!r}")
    finally:
        os.close(near)
    entry = Entry(directory, record)
    entry.known = (answer["pid"], answer.get("start_time", 0))
    return entry


def _kill(entry: Entry) -> None:
    """Without waiting for its end."""
    descriptor = entry.open_process()
    if descriptor is not None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        os.close(descriptor)


def _all_alive(alive: list[Entry]) -> None:
    if not all(entry.status(ask=False).alive for entry in alive):
        raise HostError("a clone has ended")


def _memory() -> dict[str, int]:
    lines = (line.split() for line in Path("/proc/meminfo").read_text().splitlines())
    return {words[0][:-1]: int(words[1]) << 10 for words in lines}
