"""Samples and the row of the JSON that they become."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

__all__ = ["percentile", "row"]


def percentile(samples: Sequence[float], share: float) -> float:
    """The value below which that share of the samples lies (nearest rank)."""
    ordered = sorted(samples)
    rank = math.ceil(share * len(ordered) - 1e-9)
    return ordered[min(max(rank, 1), len(ordered)) - 1]


def row(
    samples: Sequence[float],
    unit: str,
    *,
    baseline: str | None = None,
    baseline_samples: Sequence[float] = (),
    others: Sequence[tuple[str, Sequence[float]]] = (),
    ratio_limit: float | None = None,
    ratio_least: float | None = None,
    below_others: bool = False,
    limit: float | None = None,
    params: dict[str, Any] | None = None,
    curves: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """A row. ``ratio_limit`` and ``limit`` (on the median) are to be reached, ``ratio_least`` where more is better.

    ``below_others``: its median is to be below those of all other baselines, too. ``curves`` are what is to be drawn of
    it: each has a ``title``, what ``x`` and ``y`` are ("s" and "B" are units), and ``lines`` with ``name`` and
    ``points``; ``log``: both axes are logarithmic.
    """
    if not samples or (baseline is not None and not baseline_samples):
        raise ValueError("there are no samples")
    middle = percentile(samples, 0.5)
    theirs = percentile(baseline_samples, 0.5) if baseline is not None else None
    ratio = middle / theirs if theirs else None
    result: dict[str, Any] = {
        "unit": unit,
        "n": len(samples),
        "p50": middle,
        "p90": percentile(samples, 0.9),
        "p99": percentile(samples, 0.99),
        "min": min(samples),
        "max": max(samples),
        "baseline": baseline,
        "baseline_p50": theirs,
        "ratio": ratio,
        "params": params or {},
    }
    if curves:
        result["curves"] = list(curves)
    if baseline is not None:
        result["baseline_min"], result["baseline_max"] = min(baseline_samples), max(baseline_samples)
    if others:
        result["others"] = []
        for name, values in others:
            value = percentile(values, 0.5)
            result["others"].append({"baseline": name, "p50": value, "ratio": middle / value if value else None})
    if ratio_limit is not None and ratio is not None:
        result["target"], result["met"] = f"ratio ≤ {ratio_limit:g}", ratio <= ratio_limit
        if below_others and others:
            result["target"] += ", below the others"
            result["met"] = result["met"] and all(middle < percentile(values, 0.5) for _, values in others)
    elif ratio_least is not None and ratio is not None:
        result["target"], result["met"] = f"ratio ≥ {ratio_least:g}", ratio >= ratio_least
    elif limit is not None:
        from ramet.bench import show

        result["target"], result["met"] = f"≤ {show(limit, unit)}", middle <= limit
    return result
