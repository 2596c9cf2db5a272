"""Many launches asked for at the same instant, all of which have answered."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import ramet
from ramet.bench.context import Context
from ramet.bench.samples import row
from ramet.errors import HostError
from ramet.streams import DEVNULL

WARM = """
import asyncio, decimal, email, hashlib, http.client, json, sqlite3, xml.etree.ElementTree
import ramet_guest
me = ramet_guest.ready()
print(json.dumps(me.input), flush=True)
"""
ANEW = """
import asyncio, decimal, email, hashlib, http.client, json, sqlite3, xml.etree.ElementTree
print(json.dumps(None), flush=True)
"""
# More containers than this at once take minutes each.
CONTAINERS = 100


def rows(context: Context) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """The rows of this figure."""
    for count in (10, 100, 1000):
        yield f"launch.{count}", partial(launch, context, count)


def launch(context: Context, count: int) -> dict[str, Any]:
    """From the first request to the last answer of so many warm Python clones, beside so many new starts."""
    if context.quick:
        count = min(count, 100)
    rounds = context.count(5, 1) if count <= 10 else context.count(3, 1) if count <= 100 else 1
    image = context.python()
    ours, anew, containers, sandboxes = [], [], [], []
    command = [*context.native_python(image), "-c", ANEW]
    with ramet.freeze(image, ["python3", "-c", WARM]) as template:
        with template.clone() as vm:
            vm.communicate(timeout=60)
        time.sleep(0.5)
        for _ in range(rounds):
            ours.append(_clones(template, count))
            anew.append(_processes(command, count, context.environment()))
            if count <= CONTAINERS:
                containers += _others(partial(context.crun_at_once, image, ["/usr/bin/python3", "-c", ANEW], count))
            if count <= CONTAINERS // 10:
                sandboxes += _others(partial(context.gvisor_at_once, image, ["/usr/bin/python3", "-c", ANEW], count))
    others: list[tuple[str, Sequence[float]]] = [
        (name, values) for name, values in (("crun run", containers), ("gVisor", sandboxes)) if values
    ]
    return row(
        ours,
        "s",
        baseline="the program started anew",
        baseline_samples=anew,
        others=others,
        params={"launches": count},
    )


def _others(measure: Callable[[], float | None]) -> list[float]:
    value = measure()
    return [] if value is None else [value]


def _clones(template: ramet.Template, count: int) -> float:
    start = time.perf_counter()
    vms = [vm for vm in template.clone(count, stdin=DEVNULL, stderr=DEVNULL) if isinstance(vm, ramet.VM)]
    if len(vms) != count:
        raise HostError(f"{count - len(vms)} clones of {count} could not be made")
    for vm in vms:
        assert vm.stdout is not None
        if vm.stdout.readline() != b"null\n":
            raise HostError(f"{vm.name} did not answer")
    took = time.perf_counter() - start
    for vm in vms:
        vm.remove(force=True)
    return took


def _processes(command: Sequence[str], count: int, environment: dict[str, str]) -> float:
    start = time.perf_counter()
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) for _ in range(count)]
    for process in processes:
        assert process.stdout is not None
        if process.stdout.readline() != b"null\n":
            raise HostError("a native process did not answer")
    took = time.perf_counter() - start
    for process in processes:
        process.communicate()
    return took
