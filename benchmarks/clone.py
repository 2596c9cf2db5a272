"""Clones of a warm Python template, beside the snapshot-restore recipe, fork(), a new start, and containers."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import ramet
from ramet import registry
from ramet.bench.context import Context
from ramet.bench.samples import row
from ramet.errors import HostError
from ramet.registry import Entry
from ramet.registry.control import Control
from ramet.registry.pool import CloneSocket
from ramet.streams import DEVNULL, PIPE, Streams

WARM = """
import asyncio, decimal, email, hashlib, http.client, json, sqlite3, xml.etree.ElementTree
import ramet_guest
me = ramet_guest.ready()
print(json.dumps(me.input), flush=True)
if me.args:
    import time
    time.sleep(60)
"""
# The same for a native process: a line of its input is a request, and a child of it answers.
ZYGOTE = """
import asyncio, decimal, email, hashlib, http.client, json, sqlite3, xml.etree.ElementTree
import gc, os, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
gc.collect()
gc.freeze()
for line in sys.stdin:
    if os.fork() == 0:
        print(json.dumps(line.strip()), flush=True)
        os._exit(0)
"""
ANEW = """
import asyncio, decimal, email, hashlib, http.client, json, sqlite3, xml.etree.ElementTree
print(json.dumps("1"), flush=True)
"""
WAIT = 30.0


def rows(context: Context) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """The rows of this figure."""
    yield "clone.pool", partial(pool, context)
    yield "clone.fork", partial(fork, context)
    yield "clone.python.first_output", partial(first_output, context)
    yield "clone.api", partial(api, context)
    yield "clone.1000.empty", partial(thousand, context, 0)
    yield "clone.1000.pooled", partial(thousand, context, 1000)


def until_full(template: ramet.Template, count: int) -> None:
    """Waits until so many clones are parked, and for a moment of quiet."""
    limit = time.monotonic() + WAIT + count * 0.2
    while template.info()["pool"]["parked"] < count:
        if time.monotonic() > limit:
            raise HostError(f"{count} clones could not be made ahead")
        time.sleep(0.02)
    time.sleep(0.02)


def teach(template: ramet.Template, target: int, args: Sequence[str] = ()) -> None:
    """Makes the first clone, from which the others learn their working set, and waits for a new pool."""
    with template.clone(input="first", args=args) as vm:
        assert vm.stdout is not None
        vm.stdout.readline()
        if not args:
            vm.communicate(timeout=WAIT)
        time.sleep(0.1)
    time.sleep(0.2)
    until_full(template, target)


class Asker:
    """Asks for clones as a client in any language would: one datagram."""

    def __init__(self, template: ramet.Template) -> None:
        self.template = template
        self.socket = CloneSocket(template.directory)

    def document(self, **more: Any) -> dict[str, Any]:
        """A request for a clone that makes its own directory."""
        name = os.urandom(8).hex()
        record = {"id": name, "parent": self.template.id, "creator": [os.getpid(), None]}
        return {
            "id": name,
            "name": name,
            "directory": str(self.template.directory.parent / name),
            "record": record,
            **more,
        }


def pool(context: Context) -> dict[str, Any]:
    """From the client's request to the time stamp that the kernel of a parked clone writes, beside the recipe's."""
    tsc, hertz = context.clock()
    count = context.count(300, 30)
    restore = context.compile("restore.c")
    ours, published, pooled = [], [], []
    with ramet.freeze(context.python(), ["python3", "-c", WARM], pool=4) as template:
        teach(template, 4)
        resident = template.info()["memory"]["present"]
        asker = Asker(template)
        for _ in range(count):
            until_full(template, 4)
            ours.append(_first_instruction(asker, tsc) / hertz)
            first, second = map(int, context.native([restore, "1"]).split())
            published.append(first / hertz)
            pooled.append(second / hertz)
    return row(
        ours,
        "s",
        baseline="snapshot-restore recipe",
        baseline_samples=published,
        others=[("the recipe with VMs made ahead", pooled)],
        limit=0.00008,
        params={"resident": resident, "recipe_resident": 64 << 20},
    )


def _first_instruction(asker: Asker, tsc: Any) -> float:
    """One clone, which stays until it was asked for its time stamp."""
    document = asker.document(args=["stay"])
    entry = Entry(asker.template.directory.parent / document["id"])
    streams = Streams(DEVNULL, DEVNULL, DEVNULL)
    try:
        asked = tsc()
        pending = asker.socket.send(document, streams.child, None)
        if pending is None:
            raise HostError("the template has no clone socket")
        answer = pending.receive(asker.template.name)
        entry.known = (answer["pid"], answer["start_time"])
        return _stamp(entry, asked)
    finally:
        streams.started()
        registry.remove(entry, force=True)


def _stamp(entry: Entry, asked: int) -> float:
    limit = time.monotonic() + WAIT
    while time.monotonic() < limit:
        info = entry.status().info
        if info and info.get("first_instruction_tsc", 0) > asked:
            return float(info["first_instruction_tsc"] - asked)
        time.sleep(0.002)
    raise HostError("the clone's first time stamp could not be had")


def fork(context: Context) -> dict[str, Any]:
    """From the client's write of its request to the time stamp that the clone's kernel writes, no pool of clones."""
    tsc, hertz = context.clock()
    samples = []
    with ramet.freeze(context.python(), ["python3", "-c", WARM], pool=0, pool_maximum=0) as template:
        resident = template.info()["memory"]["present"]
        with Control(template.directory, template.name) as control:
            for _ in range(context.count(300, 30)):
                samples.append(_forked(control, tsc) / hertz)
    return row(samples, "s", limit=0.0008, params={"resident": resident})


def _forked(control: Control, tsc: Any) -> float:
    entry = registry.create(origin="clone")
    streams = Streams(DEVNULL, DEVNULL, DEVNULL)
    clone = {"id": entry.id, "name": entry.id, "directory": str(entry.directory), "args": ["stay"]}
    try:
        asked = tsc()
        control.call({"op": "clone", "clone": clone}, streams.child)
        return _stamp(entry, asked)
    finally:
        streams.started()
        registry.remove(entry, force=True)


def _line(asker: Asker, number: int) -> float:
    """From a request to the first byte of its clone's output. No input is that of the first clone."""
    streams = Streams(DEVNULL, PIPE, DEVNULL)
    reader, writer = os.pipe()
    document = asker.document(input=f"input {number}")
    near = streams.near[1]
    assert near is not None
    try:
        start = time.perf_counter()
        pending = asker.socket.send(document, streams.child, writer)
        text = b""
        streams.started()
        os.close(writer)
        if pending is None:
            raise HostError("the template has no clone socket")
        text = os.read(near, 4096)
        took = time.perf_counter() - start
        pending.receive(asker.template.name)
        if text != b'"input %d"\n' % number:
            raise HostError(f"a clone answered {text!r}")
        os.read(reader, 4096)
        return took
    finally:
        os.close(near)
        os.close(reader)
        registry.discard(Entry(asker.template.directory.parent / document["id"]))


def unlearned(context: Context) -> ramet.Template:
    """A template whose parked clones touch nothing."""
    from ramet.api import freeze

    return freeze(context.python(), ["python3", "-c", WARM], pool=4, working_set=False)


def first_output(context: Context) -> dict[str, Any]:
    """From a request to the first byte that a warm Python clone writes."""
    count = context.count(100, 15)
    image = context.python()
    command = [*context.native_python(image)]
    samples: dict[str, list[float]] = {name: [] for name in ("ramet", "bare", "fork", "anew")}
    zygote = subprocess.Popen(
        [*command, "-c", ZYGOTE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=context.environment(), bufsize=0
    )
    assert zygote.stdin is not None
    assert zygote.stdout is not None
    try:
        with ramet.freeze(image, ["python3", "-c", WARM], pool=4) as template, unlearned(context) as other:
            teach(template, 4)
            learned, bare = Asker(template), Asker(other)
            for number in range(count):
                until_full(template, 4)
                until_full(other, 4)
                samples["ramet"].append(_line(learned, number))
                samples["bare"].append(_line(bare, number))
                samples["fork"].append(_answered(zygote, number))
                samples["anew"].append(_anew([*command, "-c", ANEW], context))
    finally:
        zygote.kill()
        zygote.wait()
    others: list[tuple[str, Sequence[float]]] = [
        ("Ramet without working set", samples["bare"]),
        ("the program started anew", samples["anew"]),
    ]
    # Its output would be among the times: to the end of one that imports the same and writes nothing.
    silent = "\n".join(ANEW.splitlines()[:-1])
    crun = context.times_crun(image, ["/usr/bin/python3", "-c", silent], context.count(20, 5))
    if crun is not None:
        others.append(("crun run", [1e-9 * value for value in json.loads(crun)]))
    return row(
        samples["ramet"],
        "s",
        baseline="native fork()",
        baseline_samples=samples["fork"],
        others=others,
        limit=0.0005,
    )


def _answered(zygote: subprocess.Popen[bytes], number: int) -> float:
    assert zygote.stdin is not None
    assert zygote.stdout is not None
    start = time.perf_counter()
    zygote.stdin.write(b"input %d\n" % number)
    text = zygote.stdout.read(4096)
    took = time.perf_counter() - start
    if text != b'"input %d"\n' % number:
        raise HostError(f"the native process answered {text!r}")
    return took


def _anew(command: Sequence[str], context: Context) -> float:
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=context.environment(), bufsize=0) as process:
        assert process.stdout is not None
        text = process.stdout.read(4096)
        took = time.perf_counter() - start
    if text != b'"1"\n':
        raise HostError(f"the program answered {text!r}")
    return took


def api(context: Context) -> dict[str, Any]:
    """From `template.clone()` to the clone's first line of output, everything of the Python API included."""
    samples = []
    with ramet.freeze(context.python(), ["python3", "-c", WARM], pool=4) as template:
        teach(template, 4)
        for number in range(context.count(200, 20)):
            until_full(template, 4)
            start = time.perf_counter()
            with template.clone(input=str(number)) as vm:
                assert vm.stdout is not None
                line = vm.stdout.readline()
                samples.append(time.perf_counter() - start)
                if line != b'"%d"\n' % number:
                    raise HostError(f"a clone answered {line!r}")
    return row(samples, "s", limit=0.001)


def thousand(context: Context, ahead: int) -> dict[str, Any]:
    """So many clones asked for at once, all of which have answered: from none, or all of them, made ahead."""
    count = context.count(1000, 50)
    ahead = min(ahead, count)
    samples = []
    with ramet.freeze(
        context.python(), ["python3", "-c", WARM], pool=ahead, pool_maximum=ahead, timeout=WAIT
    ) as template:
        if ahead:
            teach(template, ahead, ["stay"])
        for _ in range(context.count(3, 1)):
            if ahead:
                until_full(template, ahead)
            start = time.perf_counter()
            vms = template.clone(count, args=["stay"], stderr=DEVNULL)
            clones = [vm for vm in vms if isinstance(vm, ramet.VM)]
            if len(clones) != count:
                raise HostError(f"{count - len(clones)} clones of {count} could not be made")
            for vm in clones:
                assert vm.stdout is not None
                if vm.stdout.readline() != b"null\n":
                    raise HostError(f"{vm.name} did not answer")
            samples.append(time.perf_counter() - start)
            for vm in clones:
                vm.remove(force=True)
    return row(samples, "s", limit=0.3 if ahead else 1.5, params={"clones": count})
