"""Types of option values that several verbs take."""

from __future__ import annotations

import os

from ramet.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["environment", "program", "seconds"]


def environment(items: Sequence[str]) -> dict[str, str]:
    """From ``-e NAME=VALUE`` and ``-e NAME``, which takes the value from here."""
    result = {}
    for item in items:
        name, equals, value = item.partition("=")
        if not name:
            raise UsageError(f"{item!r} is not a variable", hint="write -e NAME=VALUE")
        if equals:
            result[name] = value
        elif name in os.environ:
            result[name] = os.environ[name]
    return result


def program(arguments: Sequence[str]) -> list[str]:
    """The rest of a command line: the program and its arguments, after an optional ``--``."""
    rest = list(arguments)
    return rest[1:] if rest[:1] == ["--"] else rest


def seconds(text: str) -> float:
    """A positive number of seconds, for argparse."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError("not a positive number")
    return value
