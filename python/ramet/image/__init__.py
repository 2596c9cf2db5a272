"""Images: the read-only file system and the defaults that a VM boots from.

`Store` finds images; `build` makes one from a `Spec`. The builder is imported when it is first used, so that running a
VM does not pay for it.
"""

from __future__ import annotations

from ramet.image.metadata import Metadata
from ramet.image.store import Image, Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ramet.image.builder import build
    from ramet.image.progress import Progress, Step
    from ramet.image.spec import Spec
    from ramet.image.units import format_size, parse_size

__all__ = ["Image", "Metadata", "Progress", "Spec", "Step", "Store", "build", "format_size", "parse_size"]

_LAZY = {
    "Progress": "ramet.image.progress",
    "Spec": "ramet.image.spec",
    "Step": "ramet.image.progress",
    "build": "ramet.image.builder",
    "format_size": "ramet.image.units",
    "parse_size": "ramet.image.units",
}


def __getattr__(name: str) -> Any:
    module = _LAZY.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(module), name)
    globals()[name] = value
    return value
