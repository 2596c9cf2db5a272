"""Puts the `ramet_guest` package, with which a program talks to Ramet, beside the image's own Python modules."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ramet.image.bytecode import python_version
from ramet.image.tree import Directory, Tree

__all__ = ["fingerprint", "install"]

# Installed beside the package `ramet`, so that one wheel holds both.
_SOURCE = Path(__file__).resolve().parents[2] / "ramet_guest"


def _files() -> list[Path]:
    return sorted([*_SOURCE.glob("*.py"), *_SOURCE.glob("py.typed")])


def fingerprint() -> str:
    """Changes when the package does."""
    return hashlib.sha256(b"\0".join(path.name.encode() + path.read_bytes() for path in _files())).hexdigest()


def install(tree: Tree) -> None:
    """Adds the package to the standard library's directory, which is on the path even with ``-S`` and ``-I``."""
    version = python_version(tree)
    if version is None:
        return
    for base in (f"/usr/lib/python{version}", f"/usr/local/lib/python{version}"):
        if isinstance(tree.get(base), Directory):
            tree.make_directory(f"{base}/ramet_guest")
            for path in _files():
                tree.add_file(f"{base}/ramet_guest/{path.name}", path.read_bytes())
            return
