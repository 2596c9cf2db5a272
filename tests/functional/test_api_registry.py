"""The registry of VMs: names under concurrency, leftovers of crashes, states from files, long paths."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import ramet
from ramet import registry
from ramet.registry import vms
from ramet.registry.files import write_object
from ramet.registry.process import start_time


def state(entry: registry.Entry) -> str:
    return entry.status(ask=False).state


def dead_process() -> list[int]:
    """A process id and start time that no process has."""
    return [os.getpid(), 1]


def test_one_of_many_gets_the_name(ramet_home: Path) -> None:
    program = (
        "import sys\nfrom ramet import registry\nfrom ramet.errors import VMError\n"
        "sys.stdin.read()\n"
        "try:\n    registry.create('wanted')\n    print('mine')\nexcept VMError:\n    print('taken')\n"
    )
    for _ in range(3):
        children = [
            subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(6)
        ]
        time.sleep(0.3)
        for child in children:
            assert child.stdin is not None
            child.stdin.close()
        answers = [child.stdout.read().strip() for child in children if child.stdout is not None]
        for child in children:
            child.wait()
        assert sorted(answers) == ["mine"] + ["taken"] * 5
        (entry,) = registry.entries()
        assert registry.find("wanted").id == entry.id
        # As after a crash: the directory goes, the name stays.
        registry.discard(registry.Entry(entry.directory))
        vms.link(vms.names_dir(), "wanted", registry.Entry(entry.directory.with_name("0" * 16)))


def test_states(ramet_home: Path) -> None:
    entry = registry.create()
    assert state(entry) == "starting"
    with subprocess.Popen(["sleep", "60"]) as process:
        write_object(entry.directory / "vmm.json", {"pid": process.pid, "start_time": start_time(process.pid)})
        assert state(entry) == "running"
        assert entry.status().state == "unresponsive"
        process.kill()
    assert state(entry) == "killed"
    assert entry.ended().status == 137
    write_object(entry.directory / "exit.json", {"status": 3, "reason": "exited", "signal": None, "ended": 1.0})
    assert state(entry) == "exited"
    write_object(entry.directory / "exit.json", {"status": 137, "reason": "killed", "signal": 9, "ended": 1.0})
    assert state(entry) == "killed"


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"pid": "x"}', '{"pid": 1}', "\x00" * 100])
def test_damaged_files_are_no_crash(ramet_home: Path, content: str) -> None:
    entry = registry.create("damaged")
    for name in ("vmm.json", "exit.json", "record.json", "config.json"):
        (entry.directory / name).write_text(content)
    assert registry.Entry(entry.directory).status().state in ("starting", "killed", "exited")
    vms.discard(registry.Entry(entry.directory))
    assert list(registry.entries()) == []
    registry.create("damaged")


def test_whoever_started_it_died(ramet_home: Path) -> None:
    entry = registry.create(name="orphan")
    record = json.loads((entry.directory / "record.json").read_text())
    write_object(entry.directory / "record.json", {**record, "creator": dead_process()})
    entry = registry.find("orphan")
    assert state(entry) == "killed"
    registry.remove(entry)
    assert list(registry.entries()) == []


def test_sweep(ramet_home: Path) -> None:
    ended = {"status": 0, "reason": "exited", "signal": None, "ended": 1.0}
    failed = {"status": 125, "reason": "failed", "signal": None, "ended": 1.0, "message": "m"}
    to_go = registry.create(remove=True)
    write_object(to_go.directory / "exit.json", ended)
    to_stay = registry.create(remove=False)
    write_object(to_stay.directory / "exit.json", ended)
    never_was = registry.create()
    write_object(never_was.directory / "exit.json", failed)
    record = never_was.record
    write_object(never_was.directory / "record.json", {**record, "creator": dead_process()})
    asked_for = registry.create()
    write_object(asked_for.directory / "exit.json", failed)
    half = to_stay.directory.with_name(".removed-0123456789abcdef")
    half.mkdir()
    registry.sweep()
    assert {entry.id for entry in registry.entries()} == {to_stay.id, asked_for.id}
    assert not half.exists()


def test_unique_beginning_of_an_id(ramet_home: Path) -> None:
    entry = registry.create()
    assert registry.find(entry.id[:5]).id == entry.id
    with pytest.raises(ramet.VMNotFound):
        registry.find("no-such")
    with pytest.raises(ramet.VMNotFound):
        registry.find("../vms/" + entry.id)


def test_name_that_looks_like_an_id_or_a_path(ramet_home: Path) -> None:
    for name in ("0123456789abcdef", "a/b", "..", ".hidden", "", "x" * 65, "a b", "a\nb"):
        with pytest.raises(ramet.UsageError):
            registry.create(name)
    assert list(registry.entries()) == []


def test_removing_does_not_touch_another_vm_of_the_name(ramet_home: Path) -> None:
    first = registry.create("name")
    (vms.names_dir() / "name").unlink()
    second = registry.create("name")
    vms.discard(first)
    assert registry.find("name").id == second.id


def test_other_vms_cost_nothing(ramet_home: Path) -> None:
    """A name is taken, and a VM found, without looking at the others."""

    def cost() -> float:
        times = []
        for _ in range(30):
            start = time.perf_counter()
            entry = registry.create("probe")
            registry.find("probe")
            times.append(time.perf_counter() - start)
            vms.discard(entry)
        return sorted(times)[10]

    few = cost()
    for number in range(1000):
        registry.create(f"other-{number}")
    assert cost() < 5 * few


def test_long_home(fake_image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket's path takes 107 bytes; directories may be longer."""
    from ramet.registry.control import connect_to

    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    import socket

    descriptor = os.open(deep, os.O_PATH)
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(f"/proc/self/fd/{descriptor}/control.sock")
        server.listen()
        connect_to(client, f"{deep}/control.sock")
    os.close(descriptor)
