"""The size of the guest kernel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from ramet import paths
from ramet.bench.context import Context
from ramet.bench.samples import row


def rows(context: Context) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """The rows of this figure."""
    yield "kernel.size", partial(size, context)


def size(_context: Context) -> dict[str, Any]:
    """Bytes of the kernel image, as it is installed."""
    return row([float(paths.kernel_path().stat().st_size)], "B", limit=float(1 << 20))
