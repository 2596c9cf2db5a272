"""The in-guest module, with a file and a pipe in place of /dev/ramet."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

import ramet_guest


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "ramet"
    path.touch()
    monkeypatch.setattr(ramet_guest, "DEVICE", str(path))
    return path


def test_identity(device: Path) -> None:
    document = {"id": "0" * 16, "generation": 2, "name": "n", "args": ["a"], "env": {"K": "v"}, "input": "in"}
    device.write_text(json.dumps(document))
    me = ramet_guest.identity()
    assert {name: getattr(me, name) for name in document} == document


def test_ready_runs_hooks_in_order_and_reseeds(device: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr(ramet_guest, "_before", [])
    monkeypatch.setattr(ramet_guest, "_after", [])

    def write(word: bytes) -> None:
        calls.append(word.decode())
        device.write_text('{"id": "x", "generation": 1}')

    monkeypatch.setattr(ramet_guest, "_write", write)
    ramet_guest.register_before_snapshot(calls.append, "before 1")
    ramet_guest.register_before_snapshot(calls.append, "before 2")
    ramet_guest.register_after_restore(calls.append, "after 1")
    ramet_guest.register_after_restore(calls.append, "after 2")
    random.seed(1)
    state = random.getstate()
    assert ramet_guest.ready().generation == 1
    assert calls == ["before 2", "before 1", "ready", "after 1", "after 2"]
    assert random.getstate() != state


def test_done_writes_the_word(device: Path) -> None:
    ramet_guest.done()
    assert device.read_bytes() == b"done"
