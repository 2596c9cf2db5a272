"""What the command line adds to the VMM."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from ramet import registry
from ramet.bench.context import Context
from ramet.bench.samples import percentile, row


def rows(context: Context) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """The rows of this figure."""
    yield "cli.overhead", partial(measure, context)


def measure(context: Context) -> dict[str, Any]:
    """`ramet run` of a static hello, start to end, less the median of the VMM alone doing the same."""
    image = context.programs()
    installed = shutil.which("ramet", path=str(Path(sys.executable).parent))
    ramet = [installed] if installed else [sys.executable, "-m", "ramet"]
    environment = {**os.environ, "RAMET_HOME": str(context.home())}
    with_cli: list[float] = []
    alone: list[float] = []
    for _ in range(context.count(40, 8)):
        entry, command = context.vmm_command(image, ["/bench/hello"])
        try:
            alone.append(context.timed(command)["total"])
        finally:
            registry.discard(entry)
        command = [*ramet, "run", "bench", "/bench/hello"]
        with_cli.append(context.timed(command, environment=environment)["total"])
    vmm = percentile(alone, 0.5)
    return row([total - vmm for total in with_cli], "s", limit=0.060, params={"vmm_alone": vmm})
