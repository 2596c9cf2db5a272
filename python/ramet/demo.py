"""``make demo``: Debian's Python as a VM, cloned a hundred times, every answer checked, beside native processes.

The work of clone N: from its own input, compute something with several of the modules that the template imported once.
The native processes run the same program, imports included, because that is what a process has to do. Each stays until
its standard input ends, so that the memory of many can be seen.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ramet
from ramet.errors import ImageNotFound, RametError, VMError
from ramet.image import Image, Progress, Spec, Step, Store, build

__all__ = ["main", "python_image"]

CLONES = 100
BOOTS = 5
# Native processes whose memory is measured: a hundred would take gigabytes.
NATIVE = 20

# Runs in the VM and on the host alike: where there is no /dev/ramet, it takes its input from the command line.
PROGRAM = """
import asyncio, collections, csv, ctypes, decimal, email.message, fractions, hashlib, http.client, json, logging, os
import re, sqlite3, ssl, statistics, sys, tarfile, tempfile, unittest, urllib.parse, uuid, zipfile
import xml.etree.ElementTree

if os.path.exists("/dev/ramet"):
    import ramet_guest
    n = int(ramet_guest.ready().input)
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
    "mean": statistics.fmean(range(n + 100)),
    "double": asyncio.run(double()),
    "uuid": str(uuid.uuid4()),
}), flush=True)
sys.stdin.read()
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
        "mean": (n + 99) / 2,
        "double": 2 * n,
    }


def python_image(progress: Progress | None = None) -> Image:
    """The image ``python``: Debian's python3, and :mod:`ramet_guest`. Built unless it is in the store."""
    store = Store()
    try:
        return store.find("python")
    except ImageNotFound:
        return build(
            Spec(name="python", packages=["python3"], cmd=["python3"], memory=256 << 20), progress, store=store
        )


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
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    text, note = TextColumn("{task.description:<44}"), TextColumn("{task.fields[note]}")
    with Bars(text, BarColumn(), note, TimeElapsedColumn(), console=Console(stderr=True)) as bars:

        def begin(title: str, total: float | None) -> Callable[[], None]:
            task = bars.add_task(title, total=total, note="")
            return lambda: bars.advance(task)

        task = bars.add_task("building the image `python` from Debian", total=None, note="")

        def report(step: Step) -> None:
            bars.update(task, total=step.total or None, completed=step.done, note=step.stage)

        image = python_image(report)
        bars.update(task, total=1, completed=1, note=f"{image.size >> 20} MiB")

        boots = _boots(image, begin("booting Python in a VM", BOOTS))
        advance = begin("importing modules, then freezing", 1)
        start = time.perf_counter()
        template = ramet.freeze(image, ["python3", "-c", PROGRAM])
        warm = time.perf_counter() - start
        advance()
        with template:
            one_by_one, first = _one_by_one(template, begin(f"{CLONES} clones, one after the other", CLONES))
            together, memory, second = _together(template, begin(f"{CLONES} clones alive at once", CLONES))
        native, third = _native(begin(f"the same {CLONES} jobs as native processes", CLONES))
        native_memory = _native_memory()

    clones = [*first, *second]
    wrong = [answer for index, answer in enumerate(clones) if not _right(answer, index % CLONES)]
    identities = {answer["uuid"] for answer in clones if isinstance(answer, dict)}
    _table(boots, warm, one_by_one, together, memory, native, native_memory)
    right = len(clones) - len(wrong)
    print(f"{right} of {len(clones)} clones answered correctly, with {len(identities)} different random UUIDs.")
    for answer in wrong[:3]:
        print(f"a wrong answer: {answer!r}", file=sys.stderr)
    if not all(_right(answer, n) for n, answer in enumerate(third)):
        print("a native process answered wrongly", file=sys.stderr)
        return 1
    return 1 if wrong or len(identities) != len(clones) else 0


def _right(answer: Any, n: int) -> bool:
    return isinstance(answer, dict) and {key: answer.get(key) for key in expected(n)} == expected(n)


def _boots(image: Image, advance: Callable[[], None]) -> list[float]:
    boots = []
    for _ in range(BOOTS):
        start = time.perf_counter()
        with ramet.run(image, ["python3", "-c", "print(6*7)"]) as vm:
            answer = vm.communicate(timeout=60).check().stdout
        boots.append(time.perf_counter() - start)
        if answer != b"42\n":
            raise VMError(f"6*7 is {answer.text!r}", vm=vm.name)
        advance()
    return boots


def _one_by_one(template: ramet.Template, advance: Callable[[], None]) -> tuple[list[float], list[Any]]:
    """Seconds from asking for a clone to its answer; and the answers."""
    times, answers = [], []
    for n in range(CLONES):
        start = time.perf_counter()
        with template.clone(input=str(n)) as vm:
            assert vm.stdout is not None
            line = vm.stdout.readline()
            times.append(time.perf_counter() - start)
            answers.append(_parse(line) or (line or vm.communicate(timeout=60)))
        advance()
    return times, answers


def _together(template: ramet.Template, advance: Callable[[], None]) -> tuple[float, float, list[Any]]:
    """Seconds until all clones have answered, none having ended; the memory that each takes then; the answers."""
    before = _available()
    start = time.perf_counter()
    vms = [template.clone(input=str(n)) for n in range(CLONES)]
    answers = []
    for vm in vms:
        assert vm.stdout is not None
        answers.append(_parse(vm.stdout.readline()))
        advance()
    seconds = time.perf_counter() - start
    time.sleep(1.0)
    memory = max(0.0, before - _available()) / CLONES
    for result in ramet.gather(vms, timeout=60):
        if isinstance(result, RametError):
            raise result
    for vm in vms:
        vm.remove(force=True)
    return seconds, memory, answers


def _native(advance: Callable[[], None]) -> tuple[list[float], list[Any]]:
    """The same for processes."""
    times, answers = [], []
    for n in range(CLONES):
        start = time.perf_counter()
        command = [_host_python(), "-c", PROGRAM, str(n)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            line = process.stdout.readline()
            times.append(time.perf_counter() - start)
            process.kill()
        answers.append(_parse(line))
        advance()
    return times, answers


def _native_memory() -> float:
    """Memory of a native process that has answered and not ended, everything included."""
    before = _available()
    processes = [
        subprocess.Popen([_host_python(), "-c", PROGRAM, str(n)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for n in range(NATIVE)
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    time.sleep(1.0)
    memory = max(0.0, before - _available()) / NATIVE
    for process in processes:
        process.communicate()
    return memory


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
    table.add_row(
        "one job, to its answer, p50",
        milliseconds(statistics.median(latencies)),
        milliseconds(statistics.median(native)),
    )
    table.add_row("one job, to its answer, p99", milliseconds(high(latencies)), milliseconds(high(native)))
    table.add_row(f"{CLONES} jobs, one after the other", milliseconds(sum(latencies)), milliseconds(sum(native)))
    table.add_row(f"{CLONES} jobs, all VMs alive at once", milliseconds(together), "")
    table.add_row("memory of one, everything included", f"{memory / 2**20:.2f} MiB", f"{native_memory / 2**20:.2f} MiB")
    Console(width=100 if not sys.stdout.isatty() else None).print(table)


if __name__ == "__main__":
    sys.exit(main())
