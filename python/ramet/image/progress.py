"""How a build tells its caller what it is doing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Progress", "Step", "quiet"]


@dataclass(frozen=True)
class Step:
    """One report. ``stage`` is a word or two for people; a new stage begins when it changes."""

    stage: str
    detail: str = ""
    done: int = 0
    total: int = 0
    """0: not known."""


Progress = Callable[[Step], None]


def quiet(_step: Step) -> None:
    """Says nothing."""
