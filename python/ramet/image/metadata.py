"""What an image says about how to run it, and what it was made from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

__all__ = ["Metadata"]


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """The defaults of a VM that boots from the image, and the image's contents by name.

    The image's digest covers this document: it holds nothing that depends on when, where or by whom it was built.
    """

    env: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    entrypoint: list[str] = field(default_factory=list)
    cmd: list[str] = field(default_factory=list)
    user: str = "0"
    """``uid[:gid]`` or a name of the image's ``/etc/passwd``."""
    memory: int | None = None
    """Bytes of RAM unless the caller says otherwise."""
    max_clones: int | None = None
    warmup: list[str] = field(default_factory=list)
    """The command that a template made from this image runs until it says that it is ready."""
    labels: dict[str, str] = field(default_factory=dict)
    packages: dict[str, str] = field(default_factory=dict)
    """Debian packages in the image, and their versions."""
    pip: dict[str, str] = field(default_factory=dict)
    """Python distributions in the image that pip installed, and their versions."""
    sources: list[str] = field(default_factory=list)
    """What was asked for: ``deb:NAME``, ``pip:REQUIREMENT``, ``dir:TARGET``, ``oci:DIGEST``."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def canonical(self) -> bytes:
        """One byte string for equal documents: what the digest covers."""
        return json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Metadata:
        """Unknown keys, which a later version may have written, are ignored."""
        known = {item.name for item in fields(cls)}
        return cls(**{key: value for key, value in document.items() if key in known})
