"""Clones made ahead: they are as right as others, none is lost, and none outlives its template."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ramet
from ramet import registry
from ramet.registry.control import Control
from ramet.registry.pool import CloneSocket
from ramet.streams import DEVNULL, Streams

pytestmark = pytest.mark.usefixtures("kvm")

WARM = """
import json, os, time
import ramet_guest
before = time.clock_gettime(time.CLOCK_MONOTONIC)
me = ramet_guest.ready()
print(json.dumps({"id": me.id, "input": me.input, "args": me.args, "env": me.env, "pid": os.getpid(),
                  "random": os.urandom(16).hex(), "generation": me.generation, "unix": time.time(),
                  "forward": time.clock_gettime(time.CLOCK_MONOTONIC) >= before}), flush=True)
if "stay" in me.args:
    time.sleep(600)
"""
PATIENCE = 60.0


def until(condition: Callable[[], Any], what: str) -> Any:
    """Waits for something that must come."""
    limit = time.monotonic() + PATIENCE
    while time.monotonic() < limit:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(what)


def children(pid: int) -> list[int]:
    """The processes that a process has forked, zombies excluded."""
    listed = subprocess.run(["ps", "-o", "pid=,stat=", "--ppid", str(pid)], capture_output=True, text=True).stdout
    return [int(line.split()[0]) for line in listed.splitlines() if not line.split()[1].startswith("Z")]


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def parked(template: ramet.Template) -> int:
    return int(template.info()["pool"]["parked"])


def frozen(**options: Any) -> ramet.Template:
    return ramet.freeze("python", ["python3", "-c", WARM], **options)


def pool_clone(template: ramet.Template, document: dict[str, Any]) -> dict[str, Any]:
    """One request as the socket takes it; the answer."""
    streams = Streams(DEVNULL, DEVNULL, DEVNULL)
    try:
        pending = CloneSocket(template.directory).send(document, streams.child, None)
        assert pending is not None
        return pending.receive(template.name, PATIENCE)
    finally:
        streams.started()


def test_a_parked_clone_becomes_the_one_that_was_asked_for() -> None:
    with frozen(pool=3) as template:
        until(lambda: parked(template) == 3, "three clones are parked")
        ahead = set(children(template.pid or 0))
        with template.clone(input="in", args=["stay"], env={"K": "v"}) as vm:
            assert vm.stdout is not None
            answer = json.loads(vm.stdout.readline())
            assert vm.pid in ahead
            assert (answer["id"], answer["input"], answer["args"]) == (vm.id, "in", ["stay"])
            assert (answer["env"], answer["generation"]) == ({"K": "v"}, 1)
            assert answer["forward"]
            assert abs(answer["unix"] - time.time()) < PATIENCE
            # It is a VM like any other: its files and its control socket are there.
            assert vm.info()["parent"] == template.id
            assert [entry.id for entry in registry.entries() if entry.id == vm.id] == [vm.id]
            assert vm.state == "running"
        assert not alive(vm.pid or 0) or vm.pid is None
        until(lambda: parked(template) == 3, "the pool is full again")


def test_clones_of_the_pool_differ() -> None:
    with frozen(pool=8) as template:
        until(lambda: parked(template) == 8, "eight clones are parked")
        vms = template.clone(24)
        answers = [json.loads(result.stdout) for result in ramet.gather(vms, timeout=PATIENCE * 3)]
        for key in ("id", "random", "pid"):
            assert len({answer[key] for answer in answers}) == 24, key
        for vm in vms:
            vm.remove()


@pytest.mark.parametrize("way", ["rm", "kill"])
def test_no_parked_clone_outlives_its_template(way: str) -> None:
    template = frozen(pool=4)
    until(lambda: parked(template) == 4, "four clones are parked")
    pid = template.pid
    assert pid is not None
    ahead = children(pid)
    assert len(ahead) == 4
    with template.clone(args=["stay"]) as vm:
        assert vm.stdout is not None
        assert vm.stdout.readline()
        waiting = [child for child in children(pid) if child != vm.pid]
        if way == "kill":
            os.kill(pid, signal.SIGKILL)
        else:
            template.remove()
        until(lambda: not any(alive(child) for child in waiting), "the parked clones are gone")
        # The one that is a clone lives on.
        assert vm.state == "running"
    if way == "kill":
        template.remove()


def test_an_empty_pool_is_a_plain_fork() -> None:
    with frozen(pool=0, pool_maximum=0) as template:
        for number in range(3):
            with template.clone(input=str(number)) as vm:
                assert json.loads(vm.communicate(timeout=PATIENCE).stdout)["input"] == str(number)
        assert template.info()["pool"]["parked"] == 0
        assert children(template.pid or 0) == []


def test_the_pool_follows_demand_and_its_settings() -> None:
    with frozen(pool=1, pool_maximum=4) as template:
        vms = template.clone(12)
        assert all(isinstance(vm, ramet.VM) for vm in vms)
        until(lambda: template.info()["pool"]["wanted"] > 1, "demand makes it larger")
        for result in ramet.gather(vms, timeout=PATIENCE * 2):
            assert isinstance(result, ramet.Result) and result.ok
        until(lambda: template.info()["pool"] == {"parked": 1, "wanted": 1, "target": 1, "maximum": 4}, "back to one")
        template.set_pool(5)
        until(lambda: parked(template) == 5, "five, as they are wanted")
        template.set_pool(0, 0)
        until(lambda: children(template.pid or 0) == [], "none")
        for vm in vms:
            vm.remove()
        with pytest.raises(ramet.UsageError):
            template.set_pool(3, 2)


def test_a_bad_request_harms_nobody() -> None:
    with frozen(pool=1) as template:
        until(lambda: parked(template) == 1, "one clone is parked")
        for document in ({"id": "x", "name": "x", "directory": "/nowhere"}, {"nonsense": 1}):
            with pytest.raises(ramet.RametError, match="cannot clone"):
                pool_clone(template, document)
        # One that cannot make its directory runs, and says what became of it.
        directory = template.directory / "missing" / ("0" * 16)
        reader, writer = os.pipe()
        streams = Streams(DEVNULL, DEVNULL, DEVNULL)
        request = {"id": "0" * 16, "name": "n", "directory": str(directory), "record": {"id": "0" * 16}}
        pending = CloneSocket(template.directory).send(request, streams.child, writer)
        os.close(writer)
        streams.started()
        assert pending is not None
        assert pending.receive(template.name)["ok"]
        with os.fdopen(reader) as status:
            assert json.loads(status.readline())["reason"] in ("failed", "crashed")
        with template.clone(input="still") as vm:
            assert json.loads(vm.communicate(timeout=PATIENCE).stdout)["input"] == "still"


def test_the_control_socket_makes_clones_too() -> None:
    with frozen(pool=1) as template:
        entry = registry.create(origin="clone")
        streams = Streams(DEVNULL, DEVNULL, DEVNULL)
        document = {"id": entry.id, "name": entry.id, "directory": str(entry.directory), "args": ["stay"]}
        with Control(template.directory, template.name) as control:
            answer = control.call({"op": "clone", "clone": document}, streams.child)
        streams.started()
        assert answer["forked_tsc"] > answer["requested_tsc"]
        registry.started(entry, answer["pid"])
        registry.remove(entry, force=True)


def test_parked_clones_killed_at_random() -> None:
    """Each request is answered by a clone or by an error; nobody waits for ever, and nothing is left."""
    chance = random.Random(5)
    with frozen(pool=6) as template:
        over = threading.Event()

        def killer() -> None:
            while not over.is_set():
                victims = children(template.pid or 0)
                if victims:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(chance.choice(victims), signal.SIGKILL)
                time.sleep(chance.random() * 0.05)

        thread = threading.Thread(target=killer)
        thread.start()
        try:
            outcomes = [answered(template, number) for number in range(60)]
        finally:
            over.set()
            thread.join()
        assert outcomes.count("answered") > 0
        assert set(outcomes) <= {"answered", "refused", "killed"}
        with template.clone(input="after") as vm:
            assert json.loads(vm.communicate(timeout=PATIENCE).stdout)["input"] == "after"
        own = template.id
        until(lambda: [entry.id for entry in registry.entries()] == [own], "no directory is left")


def answered(template: ramet.Template, number: int) -> str:
    try:
        with template.clone(input=str(number)) as vm:
            result = vm.communicate(timeout=PATIENCE)
            if result.reason == "killed":
                return "killed"
            assert json.loads(result.stdout)["input"] == str(number)
            return "answered"
    except ramet.VMError:
        return "refused"


def test_a_template_killed_while_clones_are_made() -> None:
    template = frozen(pool=4)
    pid = template.pid
    assert pid is not None
    timer = threading.Timer(random.uniform(0.0, 0.3), os.kill, (pid, signal.SIGKILL))
    timer.start()
    items = template.clone(200)
    timer.join()
    vms = [item for item in items if isinstance(item, ramet.VM)]
    assert len(items) == 200
    for item in items:
        assert isinstance(item, ramet.VM | ramet.RametError)
    for vm in vms:
        result = vm.communicate(timeout=PATIENCE * 3)
        assert result.reason in ("exited", "killed")
        vm.remove()
    template.remove()
    until(lambda: children(pid) == [], "nobody is left")
    assert list(registry.entries()) == []
