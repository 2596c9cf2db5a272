"""The figures as a picture: how many times the native time or size each row takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ramet.bench import show
from ramet.errors import HostError

__all__ = ["plot"]


def plot(document: dict[str, Any], file: Path) -> None:
    """Draws two panels: rows with a baseline as ratios, the others as absolute values with their spread."""
    try:
        import matplotlib
    except ImportError as error:
        raise HostError("matplotlib is missing", hint="pip install matplotlib") from error
    matplotlib.use("Agg")
    from matplotlib import pyplot

    ratios = [row for row in document["rows"] if row["ratio"] is not None]
    others = [row for row in document["rows"] if row["ratio"] is None and row["unit"] == "s"]
    height = max(2.5, 0.45 * max(len(ratios), len(others)) + 1.2)
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(13, height), width_ratios=(3, 2), layout="constrained")
    for axis, rows in ((left, ratios), (right, others)):
        axis.set_yticks(range(len(rows)), [row["name"] for row in rows])
        axis.invert_yaxis()
        axis.set_xscale("log")
        axis.grid(axis="x", alpha=0.3)
    left.barh(range(len(ratios)), [row["ratio"] for row in ratios], color="#4c78a8")
    left.axvline(1, color="black", linewidth=1)
    for index, row in enumerate(ratios):
        label = f" {row['ratio']:.2f}  ({show(row['p50'], row['unit'])} / {show(row['baseline_p50'], row['unit'])})"
        left.text(row["ratio"], index, label, va="center", fontsize=8)
    left.set_xlabel("Ramet / native (left of 1 is better)")
    left.margins(x=0.45)
    right.set_xlabel("seconds: p50, and from least to p99")
    for index, row in enumerate(others):
        right.plot([row["min"], row["p99"]], [index, index], color="#4c78a8", linewidth=2, alpha=0.5)
        right.plot(row["p50"], index, "o", color="#4c78a8")
        right.text(row["p50"], index - 0.12, f"  {show(row['p50'], 's')}", fontsize=8)
    host = document["host"]
    figure.suptitle(f"{host['cpu']}, Linux {host['kernel']}, KVM: {host['kvm']}", fontsize=10)
    figure.savefig(file, dpi=120)
    pyplot.close(figure)
