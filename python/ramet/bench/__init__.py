"""The benchmark driver. Each figure is a file of ``benchmarks/``, whose function ``rows`` measures it.

A row compares Ramet with a native process: the same program, from the same files, in the same run, by turns. The JSON
is described in docs/howto/benchmarks.md.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import IO, Any

from ramet.bench.context import Context
from ramet.errors import HostError, RametError

__all__ = ["available", "measure", "table"]


def _directory() -> Path:
    """``benchmarks/`` of the checkout (``RAMET_BENCHMARKS`` names another one)."""
    named = os.environ.get("RAMET_BENCHMARKS")
    candidates = [Path(named)] if named else [Path.cwd() / "benchmarks", Path(__file__).parents[3] / "benchmarks"]
    for path in candidates:
        if (path / "guests").is_dir():
            return path
    raise HostError("the benchmarks are not here", hint="run this in a checkout, or set RAMET_BENCHMARKS")


def available() -> dict[str, ModuleType]:
    """The figures by name."""
    figures = {}
    for path in sorted(_directory().glob("[a-z]*.py")):
        name = path.stem
        spec = importlib.util.spec_from_file_location(f"ramet_benchmarks.{name}", path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        figures[name] = module
    return figures


def measure(names: Sequence[str], *, quick: bool = False) -> dict[str, Any]:
    """Measures the figures; a row that cannot be had is in ``failed``, with the reason."""
    from ramet.doctor import host, kvm

    figures = available()
    described = host()
    described["kvm"] = kvm().get("kind")
    document: dict[str, Any] = {
        "bench": ",".join(names),
        "time": time.time(),
        "quick": quick,
        "host": described,
        "rows": [],
        "failed": [],
        "notes": [],
    }
    with Context(_directory(), quick=quick) as context:
        for name in names:
            for title, function in figures[name].rows(context):
                print(f"measuring {title} ...", file=sys.stderr, flush=True)
                try:
                    document["rows"].append({"name": title, **function()})
                except (RametError, OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
                    document["failed"].append({"name": title, "error": " ".join(str(error).split())})
        document["notes"] = context.notes
    return document


def table(document: dict[str, Any], file: IO[str]) -> None:
    """The results for people."""
    from rich.console import Console
    from rich.table import Table

    console = Console(file=file, width=None if file.isatty() else 140)
    host = document["host"]
    title = f"{host['cpu']}, {host['cores']} CPUs, Linux {host['kernel']}, KVM: {host['kvm']}"
    grid = Table(title=title, title_justify="left")
    grid.add_column("row", no_wrap=True)
    for heading in ("p50", "p99", "n", "baseline", "its p50", "ratio", "to reach", ""):
        grid.add_column(heading, justify="right", no_wrap=heading != "to reach")
    for row in document["rows"]:
        met = row.get("met")
        grid.add_row(
            row["name"],
            show(row["p50"], row["unit"]),
            show(row["p99"], row["unit"]),
            str(row["n"]),
            row["baseline"] or "",
            show(row["baseline_p50"], row["unit"]) if row["baseline_p50"] is not None else "",
            f"{row['ratio']:.3g}" if row["ratio"] is not None else "",
            row.get("target") or "",
            {True: "[green]reached[/]", False: "[red]missed[/]", None: ""}[met],
        )
        for other in row.get("others", []):
            ratio = f"{other['ratio']:.3g}" if other["ratio"] is not None else ""
            grid.add_row("", "", "", "", other["baseline"], show(other["p50"], row["unit"]), ratio, "", "")
    console.print(grid)
    for item in document["failed"]:
        console.print(f"[red]not measured[/] {item['name']}: {item['error']}", highlight=False)
    for note in document.get("notes", []):
        console.print(f"note: {note}", highlight=False, markup=False)


def show(value: float, unit: str) -> str:
    """A value for people."""
    if unit == "s":
        for name, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
            if value * factor >= 1:
                return f"{value * factor:.3g} {name}"
        return f"{value * 1e9:.3g} ns"
    if unit == "B/s":
        return f"{value / 1e9:.3g} GB/s" if value >= 1e9 else f"{value / 1e6:.3g} MB/s"
    if unit == "B":
        return f"{value / 1024:.0f} KiB" if value >= 10240 else f"{value:.0f} B"
    return f"{value:.3g} {unit}"
