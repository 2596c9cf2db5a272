"""What a clone takes of the host's memory, beside a bare process with a KVM VM of the same slots."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import ramet
from ramet.bench.context import Context
from ramet.bench.samples import row
from ramet.errors import HostError
from ramet.streams import DEVNULL

# A clone that has run a few lines, and one that has answered.
WARM = """
import asyncio, decimal, email, hashlib, http.client, json, sqlite3, xml.etree.ElementTree
import signal
import ramet_guest
me = ramet_guest.ready()
print(json.dumps(me.input), flush=True)
signal.pause()
"""
IDLE = ["/bench/idle"]
# Bytes of the area that VMM and guest share (SHARED_SIZE of the abi crate).
SHARED = 4 << 20


def rows(context: Context) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """The rows of this figure."""
    yield "memory.clone", partial(clone, context)
    yield "memory.python", partial(python, context)
    yield "memory.instances", partial(instances, context)


def available() -> int:
    """MemAvailable, after a moment of quiet: what is freed comes back late."""
    time.sleep(1.0)
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) << 10
    raise HostError("/proc/meminfo does not tell MemAvailable")


def written(pid: int) -> int:
    """Bytes of the process's RAM mapping that are its own: the pages that its VM has written."""
    sizes: list[int] = []
    private: list[int] = []
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        words = line.split()
        if not words[0].endswith(":"):
            first, last = (int(end, 16) for end in words[0].split("-"))
            sizes.append(last - first if "w" in words[1] else 0)
            private.append(0)
        elif words[0] == "Private_Dirty:":
            private[-1] = int(words[1]) << 10
    # Nothing else that a VMM may write is as large as its VM's RAM.
    return private[sizes.index(max(sizes))]


def clone(context: Context) -> dict[str, Any]:
    """Host memory per clone that has run, KVM's own included, without the pages that it wrote."""
    count = context.count(200, 40)
    image = context.programs()
    samples, bare = [], []
    resident = pages = 0
    with ramet.freeze(image, IDLE, pool=0, pool_maximum=0) as template:
        resident = int(template.info()["memory"]["present"])
        for _ in range(context.count(3, 1)):
            whole, pages = _clones(template, count)
            samples.append(whole - pages)
            bare.append(_bare(context, count, resident, image.erofs))
    return row(
        samples,
        "B",
        baseline="bare forked process with a KVM VM of these slots",
        baseline_samples=bare,
        ratio_limit=1.3,
        params={"clones": count, "slots": [resident, SHARED, image.size], "written": pages},
    )


def python(context: Context) -> dict[str, Any]:
    """Host memory per warm Python clone that has answered, all of it."""
    count = context.count(200, 40)
    image = context.python()
    samples, bare = [], []
    resident = pages = 0
    with ramet.freeze(image, ["python3", "-c", WARM], pool=0, pool_maximum=0) as template:
        resident = int(template.info()["memory"]["present"])
        for _ in range(context.count(3, 1)):
            whole, pages = _clones(template, count)
            samples.append(whole)
            bare.append(_bare(context, count, resident, image.erofs))
    return row(
        samples,
        "B",
        baseline="bare forked process with a KVM VM of these slots",
        baseline_samples=bare,
        limit=2 << 20,
        params={"clones": count, "slots": [resident, SHARED, image.size], "written": pages},
    )


def _clones(template: ramet.Template, count: int) -> tuple[float, int]:
    """Bytes per clone, and those of them that are pages which it wrote."""
    before = available()
    vms = [vm for vm in template.clone(count, stdin=DEVNULL, stderr=DEVNULL) if isinstance(vm, ramet.VM)]
    try:
        if len(vms) != count:
            raise HostError(f"{count - len(vms)} clones of {count} could not be made")
        for vm in vms:
            assert vm.stdout is not None
            if not vm.stdout.readline():
                raise HostError(f"{vm.name} did not answer")
        whole = (before - available()) / count
        own = sorted(written(vm.pid or 0) for vm in vms[:20])
    finally:
        for vm in vms:
            vm.remove(force=True)
    return whole, own[len(own) // 2]


def _bare(context: Context, count: int, ram: int, image: Path) -> float:
    """Bytes per process of ``bare.c``."""
    before = available()
    command = [context.compile("bare.c"), str(count), str(ram), str(ram), image]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise HostError("bare.c could not make its VMs")
        # Its own RAM is not a child's.
        whole = before - available() - ram
        process.stdin.close()
        process.wait()
    return whole / count


def instances(context: Context) -> dict[str, Any]:
    """Memory in use over the number of instances: booted VMs, clones, processes (figure 5 of the Nephele paper)."""
    most = context.count(1000, 60)
    step = max(1, most // 20)
    image = context.programs()
    ours: list[tuple[float, float]] = []
    lines = [{"name": "clones", "points": ours}]
    with ramet.freeze(image, IDLE, pool=0, pool_maximum=0) as template:
        ours += _growth(most, step, lambda: template.clone(stdin=DEVNULL, stderr=DEVNULL))
    booted = _growth(most, step, lambda: ramet.run(image, [*IDLE, "no"], stdin=DEVNULL, stderr=DEVNULL))
    lines.append({"name": "booted VMs", "points": booted})
    return row(
        [ours[-1][1] / most],
        "B",
        baseline="booted VM",
        baseline_samples=[booted[-1][1] / most],
        params={"instances": most},
        curves=[{"title": "Memory over instances", "x": "instances", "y": "bytes", "lines": lines}],
    )


def _growth(most: int, step: int, make: Callable[[], ramet.VM]) -> list[tuple[float, float]]:
    before = available()
    points: list[tuple[float, float]] = []
    vms: list[ramet.VM] = []
    try:
        while len(vms) < most:
            for _ in range(min(step, most - len(vms))):
                vm = make()
                vms.append(vm)
                assert vm.stdout is not None
                if not vm.stdout.readline():
                    raise HostError(f"{vm.name} did not answer")
            points.append((len(vms), max(0, before - available())))
    finally:
        for vm in vms:
            vm.remove(force=True)
    return points
