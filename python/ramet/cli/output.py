"""What the verbs print: tables for people, JSON for programs."""

from __future__ import annotations

import json
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = ["add_json", "age", "complain", "print_json", "print_table", "size"]


def add_json(parser: Any) -> None:
    """Adds ``--json``."""
    parser.add_argument("--json", action="store_true", help="print JSON (times in seconds, sizes in bytes)")


def print_json(document: object) -> None:
    """One JSON document on standard output."""
    json.dump(document, sys.stdout, indent=2)
    sys.stdout.write("\n")


def print_table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Columns as wide as their contents. Control characters, which a guest may have put there, are shown as `?`."""
    cells = [
        [("".join(c if c.isprintable() else "?" for c in str(cell)) if cell not in (None, "") else "-") for cell in row]
        for row in rows
    ]
    widths = [max([len(heading), *(len(row[index]) for row in cells)]) for index, heading in enumerate(headings)]
    for row in [list(headings), *cells]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def complain(message: object) -> None:
    """One line on standard error."""
    print(f"ramet: {message}", file=sys.stderr)


def size(value: float) -> str:
    """Bytes for people."""
    from ramet.image.units import format_size

    return format_size(int(value))


def age(then: float | None) -> str:
    """How long ago a Unix time was, for people."""
    if then is None:
        return "-"
    seconds = max(0.0, time.time() - then)
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{seconds:.0f} s"
