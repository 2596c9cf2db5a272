"""``make demo``: Debian's Python as a VM, cloned a hundred times, every answer checked, beside native processes.

The work of clone N: from its own input, compute something with several of the modules that the template imported once.
The native processes run the same program, imports included, because that is what a process has to do.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ramet
import ramet_guest
from ramet.errors import RametError
from ramet.image import Image, Metadata, Spec, Store, build
from ramet.image.progress import Step
from ramet.image.spec import CopySource

__all__ = ["main", "python_image"]

CLONES = 100

# Runs in the VM and on the host alike: where there is no /dev/ramet, it takes its input from the command line.
PROGRAM = """
import asyncio, collections, csv, ctypes, decimal, email.message, fractions, hashlib, http.client, json, logging
import os, re, sqlite3, ssl, statistics, sys, tarfile, tempfile, unittest, urllib.parse, uuid, xml.etree.ElementTree, zipfile

if os.path.exists("/dev/ramet"):
    with open("/dev/ramet", "w") as device:
        device.write("ready")
    with open("/dev/ramet") as device:
        n = int(json.load(device)["input"])
else:
    n = int(sys.argv[1])

decimal.getcontext().prec = 50
database = sqlite3.connect(":memory:")
database.execute("create table numbers (value integer)")
database.executemany("insert into numbers values (?)", ((i * i % 1009,) for i in range(n + 500)))
tree = xml.etree.ElementTree.fromstring(f"<clones><clone number='{n}'/></clones>")

async def double():
    await asyncio.sleep(0)
    return 2 * n

print(json.dumps({
    "n": int(tree[0].get("number")),
    "root": str(decimal.Decimal(n + 2).sqrt()),
    "digest": hashlib.sha256(f"clone {n}".encode()).hexdigest(),
    "sum": database.execute("select sum(value) from numbers").fetchone()[0],
    "double": asyncio.run(double()),
}))
print(uuid.uuid4(), file=sys.stderr)
"""


def expected(n: int) -> dict[str, Any]:
    """The right answer of clone ``n``, computed here."""
    import decimal
    import hashlib

    with decimal.localcontext() as context:
        context.prec = 50
        root = str(decimal.Decimal(n + 2).sqrt())
    return {
        "n": n,
        "root": root,
        "digest": hashlib.sha256(f"clone {n}".encode()).hexdigest(),
        "sum": sum(i * i % 1009 for i in range(n + 500)),
        "double": 2 * n,
    }


def python_image(progress: Any = None) -> Image:
    """The image ``python``: Debian's python3 with :mod:`ramet_guest`. Built if it is not in the store, or an older one."""
    module = Path(ramet_guest.__file__)
    import hashlib

    label = hashlib.sha256(module.read_bytes()).hexdigest()[:16]
    store = Store()
    try:
        image = store.find("python")
        if image.metadata.labels.get("ramet-guest") == label:
            return image
    except ramet.ImageError:
        pass
    spec = Spec(
        name="python",
        packages=["python3"],
        files=[CopySource(module, "/usr/lib/python3/dist-packages/ramet_guest/__init__.py")],
        cmd=["python3"],
        memory=256 << 20,
        labels={"ramet-guest": label},
    )
    image = build(spec, progress, store=store)
    assert isinstance(image, Image) and isinstance(image.metadata, Metadata)
    return image


def main() -> int:
    """Runs the demo; 1 if anything was not as it should be."""
    try:
        return _demo()
    except RametError as error:
        print(f"ramet: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _demo() -> int:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description:<44}"),
        BarColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:

        def step(title: str, total: float | None = None) -> Any:
            return progress.add_task(title, total=total, note="")

        task = step("building the image `python` from Debian")

        def report(state: Step) -> None:
            progress.update(task, total=state.total or None, completed=state.done, note=state.stage)

        image = python_image(report)
        progress.update(task, total=1, completed=1, note=f"{image.size >> 20} MiB")

        task = step("booting Python in a VM", 5)
        boots = []
        for _ in range(5):
            start = time.perf_counter()
            with ramet.run(image, ["python3", "-c", "print(6*7)"]) as vm:
                answer = vm.communicate(timeout=60).check().stdout
            boots.append(time.perf_counter() - start)
            if answer != b"42\n":
                raise ramet.VMError(f"6*7 is {answer.text!r}", vm=vm.name)
            progress.advance(task)

        task = step("importing modules, then freezing", 1)
        start = time.perf_counter()
        template = ramet.freeze(image, ["python3", "-c", PROGRAM])
        warm = time.perf_counter() - start
        progress.advance(task)

        with template:
            task = step(f"one clone after the other, {CLONES} of them", CLONES)
            latencies, answers, identities = _one_by_one(template, lambda: progress.advance(task))
            task = step(f"{CLONES} clones alive at once", 2)
            together, memory = _together(template, lambda: progress.advance(task))

        task = step(f"the same {CLONES} jobs as native processes", CLONES)
        native, native_answers = _native(lambda: progress.advance(task))
        native_memory = _native_memory()

    wrong = [n for n in range(CLONES) if answers[n] != expected(n)]
    wrong_native = [n for n in range(CLONES) if native_answers[n] != expected(n)]
    _table(boots, warm, latencies, together, memory, native, native_memory)
    print(f"{CLONES - len(wrong)} of {CLONES} clones answered correctly; {len(identities)} different UUIDs.")
    if wrong_native:
        print(f"native processes answered wrongly: {wrong_native}", file=sys.stderr)
    return 1 if wrong or wrong_native or len(identities) != CLONES else 0


def _one_by_one(template: ramet.Template, advance: Any) -> tuple[list[float], list[Any], set[bytes]]:
    latencies, answers, identities = [], [], set()
    for n in range(CLONES):
        start = time.perf_counter()
        with template.clone(input=str(n)) as vm:
            result = vm.communicate(timeout=60)
            latencies.append(time.perf_counter() - start)
        answers.append(_parse(result.stdout))
        identities.add(bytes(result.stderr))
        advance()
    return latencies, answers, identities


def _together(template: ramet.Template, advance: Any) -> tuple[float, float]:
    """Seconds until a hundred more clones have all answered, and the memory that each took while they were alive.

    Their streams are not read meanwhile and the VMs not removed, so that whatever a clone costs is still there.
    """
    before = _available()
    start = time.perf_counter()
    vms = [template.clone(input=str(n), args=["stay"]) for n in range(CLONES)]
    created = time.perf_counter() - start
    advance()
    time.sleep(1.0)
    alive = sum(vm.ended is None for vm in vms)
    used = max(0.0, before - _available()) / max(1, alive)
    start = time.perf_counter()
    for result in ramet.gather(vms, timeout=60):
        if isinstance(result, RametError):
            raise result
    created += time.perf_counter() - start
    for vm in vms:
        vm.remove(force=True)
    advance()
    return created, used


def _native(advance: Any) -> tuple[list[float], list[Any]]:
    times, answers = [], []
    for n in range(CLONES):
        start = time.perf_counter()
        done = subprocess.run([_host_python(), "-c", PROGRAM, str(n)], capture_output=True, check=True)
        times.append(time.perf_counter() - start)
        answers.append(_parse(done.stdout))
        advance()
    return times, answers


def _native_memory() -> float:
    """Memory of one native process that has done its imports and its work, everything included."""
    count = 20
    script = PROGRAM + "\nsys.stdin.read()\n"
    before = _available()
    processes = [
        subprocess.Popen(
            [_host_python(), "-c", script, str(n)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        for n in range(count)
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline() if False else None
    time.sleep(1.0)
    used = max(0.0, before - _available()) / count
    for process in processes:
        process.communicate(b"")
    return used


def _host_python() -> str:
    return "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable


def _parse(output: bytes) -> Any:
    try:
        return json.loads(output)
    except ValueError:
        return None


def _available() -> float:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return float(line.split()[1]) * 1024
    return 0.0


def _table(
    boots: Sequence[float],
    warm: float,
    latencies: Sequence[float],
    together: float,
    memory: float,
    native: Sequence[float],
    native_memory: float,
) -> None:
    from rich.console import Console
    from rich.table import Table

    def milliseconds(seconds: float) -> str:
        return f"{seconds * 1e3:.1f} ms"

    def high(values: Sequence[float]) -> float:
        return sorted(values)[min(len(values) - 1, round(0.99 * len(values)))]

    table = Table(title=f"Python, {CLONES} times", title_justify="left")
    table.add_column("")
    table.add_column("Ramet VM", justify="right")
    table.add_column("native process", justify="right")
    table.add_row("cold boot, print(6*7), end (median of 5)", milliseconds(statistics.median(boots)), "")
    table.add_row("boot, imports, freeze (once)", milliseconds(warm), "")
    table.add_row("one job, p50", milliseconds(statistics.median(latencies)), milliseconds(statistics.median(native)))
    table.add_row("one job, p99", milliseconds(high(latencies)), milliseconds(high(native)))
    table.add_row(f"{CLONES} jobs", milliseconds(sum(latencies)), milliseconds(sum(native)))
    table.add_row(f"{CLONES} jobs, all VMs at once", milliseconds(together), "")
    table.add_row("memory of one, everything included", f"{memory / 2**20:.2f} MiB", f"{native_memory / 2**20:.2f} MiB")
    Console(width=100 if not sys.stdout.isatty() else None).print(table)


if __name__ == "__main__":
    sys.exit(main())
