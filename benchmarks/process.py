"""Processes that are VMs: fork, spawn, shell, pipes, futexes, files and make, beside native, gVisor and crun."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from ramet.bench.context import Context
from ramet.bench.project import PROJECT
from ramet.bench.samples import percentile, row
from ramet.errors import HostError
from ramet.image import Image

Samples = dict[str, list[float]]

LOOP = """
start=$EPOCHREALTIME
for i in $(seq 200); do /bin/true; done
end=$EPOCHREALTIME
echo "[$((${end/[.,]/} - ${start/[.,]/}))]"
"""
MAKE = f"cp -r {PROJECT} /tmp/project && cd /tmp/project && exec /bench/elapsed make -s -j4"


def rows(context: Context) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """The rows of this figure."""
    yield "fork.first", partial(first, context)
    yield "fork.parent.64m", partial(parent, context)
    large = Large(context)
    yield "fork.parent.4g", partial(large.row, 0)
    yield "fork.parent.4g.again", partial(large.row, 1)
    yield "fork.parent.4g.again_later", partial(large.row, 2)
    yield "fork.child.64m", partial(child, context)
    yield "fork.wait", partial(wait, context)
    yield "fork.generations", partial(generations, context)
    yield "spawn.true", partial(spawn, context)
    yield "shell.loop", partial(shell, context)
    yield "pipe.throughput", partial(throughput, context)
    for name, kind in (("pipe.latency", "pipe"), ("futex.shared", "futex"), ("socketpair.latency", "socketpair")):
        yield name, partial(latency, context, kind)
    yield "file.write_4k", partial(files, context, "write", 3)
    yield "file.create_unlink.private", partial(files, context, "private", 3)
    yield "file.create_unlink.shared", partial(files, context, "shared", 10)
    yield "make.j4", partial(make, context)


def by_turns(
    context: Context,
    image: Image,
    args: Sequence[str],
    rounds: int,
    *,
    gvisor: bool = False,
    memory: int | None = None,
    timeout: float = 120,
) -> Samples:
    """What the program prints in a VM, natively and in gVisor, by turns; nanoseconds become seconds."""
    samples: Samples = {"ramet": [], "native": []}
    for _ in range(rounds):
        samples["native"] += seconds(context.chroot(image, args, timeout=timeout))
        samples["ramet"] += seconds(context.run(image, args, memory=memory, timeout=timeout))
        if gvisor and (answer := context.in_gvisor(image, args, timeout=timeout)) is not None:
            samples.setdefault("gVisor", []).extend(seconds(answer))
    return samples


def seconds(answer: str) -> list[float]:
    """A guest program's list."""
    return [1e-9 * value for value in json.loads(answer)]


def compared(samples: Samples, **options: Any) -> dict[str, Any]:
    """A row of what was measured by turns."""
    others = [(name, values) for name, values in samples.items() if name not in ("ramet", "native")]
    return row(samples["ramet"], "s", baseline="native", baseline_samples=samples["native"], others=others, **options)


def first(context: Context) -> dict[str, Any]:
    """The very first fork of a program, which starts the session, as the parent sees it."""
    args = ["/bench/forks", "parent", "1", "64", "as-is"]
    return compared(by_turns(context, context.programs(), args, context.count(15, 3)))


def parent(context: Context) -> dict[str, Any]:
    """fork() as the parent sees it, but for each program's first."""
    image = context.programs()
    count = str(context.count(40, 12))
    ours: list[float] = []
    theirs: dict[str, list[float]] = {"4k": [], "2m": []}
    for _ in range(context.count(4, 2)):
        for pages, samples in theirs.items():
            samples += seconds(context.chroot(image, ["/bench/forks", "parent", count, "64", pages]))[1:]
        ours += seconds(context.run(image, ["/bench/forks", "parent", count, "64", "as-is"]))[1:]
    return row(
        ours,
        "s",
        baseline="native",
        baseline_samples=theirs["4k"],
        others=[("native, 2 MiB pages", theirs["2m"])],
        limit=0.0004,
        params={"resident": 64 << 20},
    )


class Large:
    """The rows at 4 GiB are measured together: each run is one program's first and second fork."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._done: list[dict[str, Any]] = []

    def row(self, number: int) -> dict[str, Any]:
        """The first fork; the second at once; the second after two seconds."""
        if not self._done:
            self._done = self._measure()
        return self._done[number]

    def _measure(self) -> list[dict[str, Any]]:
        image = self.context.programs()
        samples: dict[str, list[list[float]]] = {name: [[], [], []] for name in ("ramet", "4k", "2m")}
        for _ in range(self.context.count(5, 1)):
            for pause in (0, 2000):
                for name, figures in samples.items():
                    pages = "as-is" if name == "ramet" else name
                    args = ["/bench/forks", "again", str(pause), "4096", pages]
                    if name == "ramet":
                        answer = self.context.run(image, args, memory=5 << 30)
                    else:
                        answer = self.context.chroot(image, args)
                    before, after = seconds(answer)
                    figures[0].append(before)
                    figures[2 if pause else 1].append(after)
        return [
            row(
                samples["ramet"][number],
                "s",
                baseline="native",
                baseline_samples=samples["4k"][number],
                others=[("native, 2 MiB pages", samples["2m"][number])],
                limit=0.004,
                params={"resident": 4 << 30},
            )
            for number in range(3)
        ]


def child(context: Context) -> dict[str, Any]:
    """From just before fork() to the child's first look at the clock, which is the parent's."""
    args = ["/bench/forks", "child", str(context.count(40, 12)), "64", "as-is"]
    samples = by_turns(context, context.programs(), args, context.count(4, 2))
    return compared(samples, limit=0.001, params={"resident": 64 << 20})


def wait(context: Context) -> dict[str, Any]:
    """fork, the child ends, wait; the program's first is among them."""
    args = ["/bench/forks", "wait", str(context.count(60, 15))]
    return compared(by_turns(context, context.programs(), args, context.count(5, 2), gvisor=True), limit=0.002)


def generations(context: Context) -> dict[str, Any]:
    """fork, end and wait in the tenth generation of fork of fork, divided by that in the first."""
    image = context.programs()
    args = ["/bench/forks", "generations", str(context.count(15, 9))]
    ratios: dict[str, list[float]] = {"ramet": [], "native": []}
    for _ in range(context.count(8, 2)):
        for name, answer in (("native", context.chroot(image, args)), ("ramet", context.run(image, args))):
            values = seconds(answer)
            ratios[name].append(values[-1] / values[0])
    theirs = percentile(ratios["native"], 0.5)
    return row(ratios["ramet"], "x", limit=1.2, params={"native": theirs})


def spawn(context: Context) -> dict[str, Any]:
    """posix_spawn of /bin/true and wait; for crun, of a `crun run` that runs it."""
    image = context.tools()
    count = context.count(30, 10)
    rounds = context.count(4, 2)
    samples = by_turns(context, image, ["/bench/spawns", str(count), "/bin/true"], rounds, gvisor=True)
    answer = context.times_crun(image, ["/bin/true"], count)
    if answer is not None:
        samples["crun run"] = seconds(answer)
    return compared(samples, ratio_limit=4, below_others=True)


def shell(context: Context) -> dict[str, Any]:
    """`for i in $(seq 200); do /bin/true; done` in bash, by bash's own clock, divided by 200."""
    args = ["/bin/bash", "-c", LOOP]
    samples = by_turns(context, context.tools(), args, context.count(5, 1), gvisor=True)
    for values in samples.values():
        # Microseconds for all of it, taken for nanoseconds above.
        values[:] = [value * 1e3 / 200 for value in values]
    return compared(samples, ratio_limit=4, below_others=True)


def throughput(context: Context) -> dict[str, Any]:
    """Two processes, 64 KiB a write and read, bytes a second over 16 MiB."""
    args = ["/bench/stream", str(context.count(12, 4)), "256"]
    samples = by_turns(context, context.programs(), args, context.count(4, 2), gvisor=True)
    rates = {name: [1e9 * value for value in values] for name, values in samples.items()}
    others = [(name, values) for name, values in rates.items() if name not in ("ramet", "native")]
    return row(
        rates["ramet"], "B/s", baseline="native", baseline_samples=rates["native"], others=others, ratio_least=0.8
    )


def latency(context: Context, kind: str) -> dict[str, Any]:
    """There and back between two processes."""
    args = ["/bench/pingpong", kind, str(context.count(2000, 400))]
    return compared(by_turns(context, context.programs(), args, context.count(4, 2), gvisor=True), ratio_limit=4)


def files(context: Context, mode: str, limit: float) -> dict[str, Any]:
    """Calls on a file in /tmp, which is a memory file system natively too."""
    args = ["/bench/files", mode, "/tmp", str(context.count(1000, 200))]
    return compared(by_turns(context, context.programs(), args, context.count(4, 2)), ratio_limit=limit)


def make(context: Context) -> dict[str, Any]:
    """`make -j4` of a C project of 50 files, copied to /tmp before."""
    image = context.tools()
    args = ["/bin/bash", "-c", MAKE]
    rounds = context.count(3, 1)
    samples = by_turns(context, image, args, rounds, gvisor=True, memory=1 << 30, timeout=300)
    if not samples["ramet"]:
        raise HostError("make did not end")
    return compared(samples, ratio_limit=2, below_others=True, params={"files": 50})
