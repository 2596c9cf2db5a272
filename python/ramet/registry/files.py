"""Small JSON files, written so that a reader sees the old or the new content and never half of it."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

TYPE_CHECKING = False  # mypy's constant, without the cost of importing typing
if TYPE_CHECKING:
    from typing import Any

__all__ = ["read_object", "write_object"]


def read_object(path: Path | str) -> dict[str, Any] | None:
    """The JSON object in a file, or ``None`` if there is no such file or it does not hold one."""
    try:
        with open(path, "rb") as file:
            value = json.loads(file.read(1 << 24))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def write_object(path: Path | str, value: dict[str, Any]) -> None:
    """Puts a JSON object in place atomically, mode 0600."""
    temporary = f"{path}.{os.getpid()}.new"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            json.dump(value, file)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
