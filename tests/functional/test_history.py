"""What is remembered of removed VMs: right after any kill, the same cost with any number, and in nobody's way."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

import ramet
from ramet import paths, registry
from ramet.registry import history
from ramet.registry.files import write_object

WARM = "import time; open('/dev/ramet','r+').write('ready'); time.sleep(1000)"


def ended(name: str | None = None, parent: str | None = None, status: int = 3) -> registry.Entry:
    """A VM that has ended, as its files tell."""
    entry = registry.create(name, image="an image", args=["program", "argument"], parent=parent)
    write_object(entry.directory / "vmm.json", {"pid": os.getpid(), "start_time": 1})
    write_object(
        entry.directory / "exit.json", {"status": status, "reason": "exited", "signal": None, "ended": time.time()}
    )
    return entry


def test_a_removed_vm_is_remembered(ramet_home: Path, cli) -> None:
    first, second = ended("worker"), ended("other", status=0)
    registry.remove(first)
    registry.remove(second)
    (newest, oldest) = json.loads(cli("ps", "--removed", "--json", check=0).stdout)
    assert (newest["id"], oldest["id"]) == (second.id, first.id)
    assert (oldest["name"], oldest["args"], oldest["status"]) == ("worker", ["program", "argument"], 3)
    assert oldest["removed"] >= oldest["created"]
    assert "no VM" in cli("inspect", first.id, check=1).stderr
    assert json.loads(cli("inspect", "--removed", first.id, check=0).stdout)["kind"] == "removed"
    # The last one of a name.
    again = ended("worker", status=4)
    assert json.loads(cli("inspect", "--removed", "worker", check=0).stdout)["kind"] == "vm"
    registry.remove(again)
    assert json.loads(cli("inspect", "--removed", "worker", check=0).stdout)["status"] == 4
    assert first.id[:12] in cli("ps", "--removed", check=0).stdout
    with sqlite3.connect(paths.data_home() / "registry.db") as database:
        assert database.execute("pragma journal_mode").fetchone() == ("wal",)
    database.close()


def test_what_never_was_a_vm_is_not_remembered(ramet_home: Path) -> None:
    registry.discard(registry.create("nothing"))
    assert history.recent() == []


def test_lineage_goes_over_removed_vms(ramet_home: Path) -> None:
    oldest = ended()
    middle = ended(parent=oldest.id)
    youngest = ended(parent=middle.id)
    registry.remove(youngest)
    registry.remove(middle)
    assert history.lineage(youngest.id) == [middle.id, oldest.id]
    assert history.lineage("0" * 16) == []


def test_a_journal_is_absorbed_once(ramet_home: Path) -> None:
    registry.remove(ended("one"))
    journal = (paths.runtime_home() / "removed").read_bytes()
    assert len(history.recent()) == 1
    # As after a kill between the database and the emptying of the journal; and half a line, as a full disk leaves it.
    (paths.runtime_home() / "removed").write_bytes(journal + journal[:20] + b"\n" + b"[1]\n" + b'{"a": 1}\n')
    registry.remove(ended("two"))
    assert [row["name"] for row in history.recent()] == ["two", "one"]


@pytest.mark.parametrize("content", [b"no database" * 1000, b"SQLite format 3\0" + b"\xff" * 8192])
def test_a_damaged_database_is_put_aside(ramet_home: Path, content: bytes) -> None:
    (paths.data_home() / "registry.db").write_bytes(content)
    registry.remove(ended("after"))
    assert [row["name"] for row in history.recent()] == ["after"]
    assert (paths.data_home() / "registry.db.damaged").read_bytes() == content


def test_removing_works_without_a_journal(ramet_home: Path) -> None:
    (paths.runtime_home() / "removed").mkdir()
    registry.remove(ended("anyway"))
    assert list(registry.entries()) == []


def test_many_remove_and_look_at_once(ramet_home: Path) -> None:
    """Some of those that look are killed at any moment."""
    remover = (
        "import sys; sys.path.insert(0, sys.argv[1]); from test_history import ended; from ramet import registry\n"
        "for n in range(60): registry.remove(ended(f'{sys.argv[2]}-{n}'))\n"
    )
    here = str(Path(__file__).parent)
    removers = [subprocess.Popen([sys.executable, "-c", remover, here, f"r{n}"]) for n in range(2)]
    looker = "from ramet.registry import history\nwhile True: history.recent()"
    while any(process.poll() is None for process in removers):
        process = subprocess.Popen([sys.executable, "-c", looker])
        time.sleep(0.25)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert [process.returncode for process in removers] == [0, 0]
    assert len({row["name"] for row in history.recent(1000)}) == 120


@pytest.mark.usefixtures("kvm")
def test_top_and_stats(cli) -> None:
    with (
        ramet.freeze("python", ["python3", "-c", WARM], name="stem", pool=0) as template,
        template.clone(name="leaf") as leaf,
        ramet.run("python", ["python3", "-c", "while True: pass"], name="busy") as busy,
    ):
        rows = {row["name"]: row for row in json.loads(cli("top", "--json", "-d", "1.5", check=0).stdout)}
        assert rows["busy"]["cpu"] > 5 * max(rows["leaf"]["cpu"], 0.01)
        assert (rows["stem"]["kind"], rows["stem"]["depth"], rows["leaf"]["depth"]) == ("template", 0, 1)
        assert rows["leaf"]["memory"]["shared"] > 0 < rows["leaf"]["memory"]["private"]
        text = cli("top", "-d", "0.2", "-s", "cpu", check=0).stdout.splitlines()
        assert text[0].split()[:3] == ["VM", "STATE", "CPU"] and text[1].split()[0] == "busy"
        (only,) = json.loads(cli("stats", "--json", "leaf", check=0).stdout)
        assert (only["id"], only["processes"]) == (leaf.id, 1)
        assert cli("top", "-d", "0", check=2).stderr.count("\n") == 1
        busy.remove(force=True)
        below = json.loads(cli("stats", "--json", "stem", check=0).stdout)
        assert [row["id"] for row in below] == [template.id, leaf.id]
        leaf.remove(force=True)
