"""For programs inside a Ramet VM: say that you are ready to be cloned, and learn who you are.

::

    import ramet_guest
    import heavy_library                      # once, before the freeze

    me = ramet_guest.ready()                  # returns in each clone
    print(heavy_library.work(me.input))

Needs nothing but Python's standard library and ``/dev/ramet``. Copy this directory into an image, or name it in the
build specification.
"""

from __future__ import annotations

import gc
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = [
    "Identity",
    "done",
    "identity",
    "ready",
    "register_after_restore",
    "register_before_snapshot",
    "reset",
]

DEVICE = "/dev/ramet"

_before: list[tuple[Callable[..., object], tuple[Any, ...], dict[str, Any]]] = []
_after: list[tuple[Callable[..., object], tuple[Any, ...], dict[str, Any]]] = []


class Identity:
    """Who this VM is: ``id``, ``generation``, ``name``, ``args``, ``env`` and ``input``."""

    __slots__ = ("args", "env", "generation", "id", "input", "name")

    def __init__(self, document: dict[str, Any]) -> None:
        self.id: str = document.get("id", "")
        self.generation: int = document.get("generation", 0)
        self.name: str = document.get("name", self.id)
        self.args: list[str] = document.get("args") or []
        self.env: dict[str, str] = document.get("env") or {}
        self.input: str | None = document.get("input")

    def __repr__(self) -> str:
        return f"<ramet_guest.Identity {self.name} generation {self.generation}>"


def ready() -> Identity:
    """Says that this program may be frozen. Returns in each clone (never in the template), with the clone's identity.

    Before: the hooks of :func:`register_before_snapshot`; then Python's garbage is collected and what is left is put
    out of the collector's sight (``gc.freeze``), so that clones do not copy it page by page just to look at it. After,
    in the clone: Python's and NumPy's default random generators are seeded anew, ``uuid.uuid1`` gets another host,
    then the hooks of :func:`register_after_restore`. What else must not be the same in two clones (connections, caches
    of random values, a generator of your own) is for a hook to renew.
    """
    for function, arguments, keywords in reversed(_before):
        function(*arguments, **keywords)
    sys.stdout.flush()
    sys.stderr.flush()
    gc.collect()
    gc.freeze()
    _write(b"ready")
    _reseed()
    for function, arguments, keywords in _after:
        function(*arguments, **keywords)
    return identity()


def done() -> None:
    """Tells the host that the work is finished."""
    sys.stdout.flush()
    _write(b"done")


def reset() -> None:
    """Goes back to where this clone began: :func:`ready` returns once more, and nothing of this run is left.

    ``OSError`` (EOPNOTSUPP) in a VM that is no clone, or was not cloned as resettable.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    _write(b"reset")


def identity() -> Identity:
    """Who this VM is now."""
    import json

    with open(DEVICE, "rb") as device:
        return Identity(json.loads(device.read()))


def register_before_snapshot(
    function: Callable[..., object], *arguments: Any, **keywords: Any
) -> Callable[..., object]:
    """Has a function called before the freeze; the last one registered comes first. Works as a decorator too."""
    _before.append((function, arguments, keywords))
    return function


def register_after_restore(function: Callable[..., object], *arguments: Any, **keywords: Any) -> Callable[..., object]:
    """Has a function called in each clone, before :func:`ready` returns; the first one registered comes first."""
    _after.append((function, arguments, keywords))
    return function


def _write(word: bytes) -> None:
    descriptor = os.open(DEVICE, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, word)
    finally:
        os.close(descriptor)


def _reseed() -> None:
    """The operating system's randomness is the clone's own already; these generators live in memory that was copied."""
    random = sys.modules.get("random")
    if random is not None:
        random.seed()
    numpy = sys.modules.get("numpy.random")
    if numpy is not None:
        numpy.seed()
    uuid = sys.modules.get("uuid")
    if uuid is not None:
        # Version 1: the C library's state (time of the last one, host, sequence) cannot be renewed, Python's own can.
        # The host is 48 random bits with the multicast bit, as of a machine without network (RFC 9562, section 6.10).
        node = int.from_bytes(os.urandom(6), "big") | 1 << 40
        for name, value in (("_generate_time_safe", None), ("_last_timestamp", None), ("_node", node)):
            setattr(uuid, name, value)
