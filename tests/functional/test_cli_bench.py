"""The benchmark driver: statistics, the JSON's shape, tables and documents, without measuring a VM."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from ramet.bench import show
from ramet.bench.context import Context
from ramet.bench.document import write
from ramet.bench.project import write_project
from ramet.bench.samples import percentile, row

KEYS = {"name", "unit", "n", "p50", "p90", "p99", "min", "max", "baseline", "baseline_p50", "ratio", "params"}


def test_percentile() -> None:
    samples = list(range(1, 101))
    assert [percentile(samples, share) for share in (0.5, 0.9, 0.99, 1.0)] == [50, 90, 99, 100]
    assert percentile([7], 0.5) == 7


def test_row() -> None:
    made = row([2.0, 1.0, 3.0], "s", baseline="native", baseline_samples=[4.0], others=[("x", [8.0])], ratio_limit=0.6)
    assert (made["p50"], made["ratio"], made["met"], made["n"]) == (2.0, 0.5, True, 3)
    assert made["others"] == [{"baseline": "x", "p50": 8.0, "ratio": 0.25}]
    assert row([2.0], "s", limit=1.0)["met"] is False
    with pytest.raises(ValueError, match="no samples"):
        row([], "s")


def test_row_where_more_is_better() -> None:
    made = row([9.0], "B/s", baseline="native", baseline_samples=[10.0], ratio_least=0.8)
    assert (made["target"], made["met"]) == ("ratio ≥ 0.8", True)
    assert row([7.0], "B/s", baseline="native", baseline_samples=[10.0], ratio_least=0.8)["met"] is False


@pytest.mark.parametrize(("other", "met"), [(1.5, False), (3.0, True)])
def test_row_below_the_others(other: float, met: bool) -> None:
    made = row(
        [2.0],
        "s",
        baseline="native",
        baseline_samples=[1.0],
        others=[("gVisor", [other])],
        ratio_limit=4,
        below_others=True,
    )
    assert (made["target"], made["met"]) == ("ratio ≤ 4, below the others", met)


def test_what_is_not_there_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAMET_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("RAMET_RUNSC", raising=False)
    with Context(tmp_path, quick=True) as context:
        monkeypatch.setattr(context, "root", lambda _image: tmp_path)
        monkeypatch.setattr(context, "compile", lambda _name: tmp_path / "spawns")
        for _ in range(2):
            assert context.in_gvisor(None, ["/bin/true"]) is None  # type: ignore[arg-type]
            assert context.times_crun(None, ["/bin/true"], 1) is None  # type: ignore[arg-type]
        assert [note.split()[0] for note in context.notes] == ["gVisor", "crun"]


def test_project_builds(tmp_path: Path) -> None:
    project = write_project(tmp_path / "project")
    subprocess.run(["make", "-s", "main.o", "module_01.o", "CFLAGS=-Wall -Werror"], cwd=project, check=True)
    assert len(list(project.glob("*.c"))) == 50


def test_document_shows_every_baseline(tmp_path: Path) -> None:
    made = row([2.0], "s", baseline="native", baseline_samples=[4.0], others=[("native, one CPU", [8.0])])
    host = {"cpu": "c", "cores": 1, "kernel": "k", "kvm": "software"}
    document = {"bench": "x", "quick": False, "time": 0, "host": host, "rows": [{"name": "x.y", **made}], "failed": []}
    write(document, tmp_path / "page.md")
    assert "| `x.y` | 2 s | 2 s | 1 | 4 s; 8 s (native, one CPU) | 0.5; 0.25 |" in (tmp_path / "page.md").read_text()


def test_show() -> None:
    assert [show(value, "s") for value in (1.5, 0.0025, 3e-6, 4e-9)] == ["1.5 s", "2.5 ms", "3 µs", "4 ns"]


def test_json_plot_and_document(cli, fake_vmm: Path, tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("out.json", "out.png", "out.md")}
    options = ["--json", files["out.json"], "--plot", files["out.png"], "--write-docs", files["out.md"]]
    cli("bench", "kernel", "--quick", *map(str, options), check=0)
    document = json.loads(files["out.json"].read_text())
    assert document["host"].keys() >= {"kernel", "cpu", "kvm", "cores", "memory", "settings"}
    (only,) = document["rows"]
    assert only["name"] == "kernel.size"
    assert only.keys() >= KEYS
    assert files["out.png"].read_bytes().startswith(b"\x89PNG")
    assert "kernel.size" in files["out.md"].read_text()
    assert json.loads(cli("bench", "kernel", "--json", "-", check=0).stdout)["bench"] == "kernel"


def test_names(cli, fake_vmm: Path) -> None:
    listed = cli("bench", check=0).stdout
    for name in ("boot", "cli", "clone", "cpu", "kernel", "kvm", "process", "syscall", "threads"):
        assert name in listed
    assert "no benchmark named" in cli("bench", "nonsense", check=2).stderr
