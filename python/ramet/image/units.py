"""Sizes as people write them."""

from __future__ import annotations

import re

from ramet.errors import UsageError

__all__ = ["format_size", "parse_size"]

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(i?B)?", re.IGNORECASE)
_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}


def parse_size(text: str | int) -> int:
    """Bytes from ``256M``, ``1.5GiB``, ``4096``. K, M, G and T are powers of 1024, with or without ``iB`` or ``B``."""
    if isinstance(text, bool) or not isinstance(text, str | int):
        raise UsageError(f"{text!r} is not a size", hint="write it as 256M or 1G")
    if isinstance(text, int):
        if text < 0:
            raise UsageError(f"{text} is not a size: it is negative")
        return text
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"{text!r} is not a size", hint="write it as 256M or 1G")
    return int(float(match[1]) * 1024 ** _POWERS[match[2].upper()])


def format_size(size: int) -> str:
    """``12.3 MiB`` from bytes."""
    value = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"
