"""The results as a page of the documentation, so that no number there is written by hand."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ramet.bench import show

__all__ = ["write"]


def write(document: dict[str, Any], file: Path) -> None:
    """Writes the table."""
    host = document["host"]
    lines = [
        "# Measured",
        "",
        f"Written by `ramet bench {document['bench'].replace(',', ' ')}"
        + (" --quick" if document["quick"] else "")
        + f" --write-docs` on {time.strftime('%Y-%m-%d', time.gmtime(document['time']))}.",
        f"Host: {host['cpu']}, {host['cores']} CPUs, Linux {host['kernel']}, KVM: {host['kvm']}.",
        "Native: the same program from the same files as a process of the host, by turns with the VM.",
        "Other baselines follow by name, and the ratios to them after the ratio to native.",
        "",
        "| row | p50 | p99 | n | native p50 | ratio | to reach | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in document["rows"]:
        native = show(row["baseline_p50"], row["unit"]) if row["baseline_p50"] is not None else ""
        ratio = f"{row['ratio']:.3g}" if row["ratio"] is not None else ""
        for other in row.get("others", []):
            native += f"; {show(other['p50'], row['unit'])} ({other['baseline']})"
            ratio += f"; {other['ratio']:.3g}" if other["ratio"] is not None else "; "
        met = {True: "reached", False: "missed", None: ""}[row.get("met")]
        cells = (
            f"`{row['name']}`",
            show(row["p50"], row["unit"]),
            show(row["p99"], row["unit"]),
            str(row["n"]),
            native,
            ratio,
            row.get("target", ""),
            met,
        )
        lines.append("| " + " | ".join(cells) + " |")
    lines += [f"\nNot measured: `{item['name']}` ({item['error']})." for item in document["failed"]]
    lines += [f"\n{note}." for note in document.get("notes", [])]
    file.write_text("\n".join(lines) + "\n")
