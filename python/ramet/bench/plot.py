"""The figures as a picture: how many times the native time or size each row takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ramet.bench import show
from ramet.errors import HostError

__all__ = ["plot"]


def plot(document: dict[str, Any], file: Path) -> None:
    """Draws two panels: rows with a baseline as ratios, the others as absolute values with their spread. Below
    them, the rows' curves, two beside each other.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise HostError("matplotlib is missing", hint="pip install matplotlib") from error
    matplotlib.use("Agg")
    from matplotlib import pyplot

    ratios = [row for row in document["rows"] if row["ratio"] is not None]
    others = [row for row in document["rows"] if row["ratio"] is None and row["unit"] == "s"]
    curves = [curve for row in document["rows"] for curve in row.get("curves", [])]
    height = max(2.5, 0.45 * max(len(ratios), len(others)) + 1.2)
    below = 4.0 * ((len(curves) + 1) // 2)
    whole = pyplot.figure(figsize=(13, height + below), layout="constrained")
    upper, lower = _two(whole, (height, max(below, 0.01)))
    for number, curve in enumerate(curves):
        _curve(lower.add_subplot((len(curves) + 1) // 2, 2, number + 1), curve)
    left, right = upper.subplots(1, 2, width_ratios=(3, 2))
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
    whole.suptitle(f"{host['cpu']}, Linux {host['kernel']}, KVM: {host['kvm']}", fontsize=10)
    whole.savefig(file, dpi=120)
    pyplot.close(whole)


def _two(whole: Any, heights: tuple[float, float]) -> tuple[Any, Any]:
    above, below = whole.subfigures(2, 1, height_ratios=heights)
    return above, below


def _curve(axis: Any, curve: dict[str, Any]) -> None:
    """One figure over something."""
    for line in curve["lines"]:
        points = line["points"]
        axis.plot([x for x, _ in points], [y for _, y in points], ".-", linewidth=1, label=line["name"])
    if curve.get("log"):
        axis.set_xscale("log")
        axis.set_yscale("log")
    else:
        axis.set_ylim(bottom=0)
    axis.set_title(curve["title"], fontsize=10)
    for which, name in ((axis.xaxis, curve["x"]), (axis.yaxis, curve["y"])):
        unit = name.rpartition(" ")[2]
        which.set_label_text({"s": "seconds", "B": "bytes"}.get(name, name))
        if unit in ("s", "B"):
            which.set_major_formatter(lambda value, _, unit=unit: show(value, unit) if value else "0")
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8)
