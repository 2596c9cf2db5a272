"""What an image says about how to run it, and what it was made from."""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

__all__ = ["Metadata"]


class Metadata:
    """The defaults of a VM that boots from the image, and the image's contents by name. Not to be changed.

    The image's digest covers this document: it holds nothing that depends on when, where or by whom it was built.
    (A plain class and not a dataclass: every `ramet run` reads one, and `dataclasses` takes longer to load.)
    """

    __slots__ = (
        "cmd",
        "entrypoint",
        "env",
        "labels",
        "max_clones",
        "memory",
        "packages",
        "pip",
        "sources",
        "user",
        "warmup",
        "workdir",
    )

    def __init__(
        self,
        *,
        env: Mapping[str, str] | None = None,
        workdir: str = "/",
        entrypoint: Sequence[str] = (),
        cmd: Sequence[str] = (),
        user: str = "0",
        memory: int | None = None,
        max_clones: int | None = None,
        warmup: Sequence[str] = (),
        labels: Mapping[str, str] | None = None,
        packages: Mapping[str, str] | None = None,
        pip: Mapping[str, str] | None = None,
        sources: Sequence[str] = (),
    ) -> None:
        self.env = dict(env or {})
        self.workdir = workdir
        self.entrypoint = list(entrypoint)
        self.cmd = list(cmd)
        self.user = user
        """``uid[:gid]`` or a name of the image's ``/etc/passwd``."""
        self.memory = memory
        """Bytes of RAM unless the caller says otherwise."""
        self.max_clones = max_clones
        self.warmup = list(warmup)
        """The command that a template made from this image runs until it says that it is ready."""
        self.labels = dict(labels or {})
        self.packages = dict(packages or {})
        """Debian packages in the image, and their versions."""
        self.pip = dict(pip or {})
        """Python distributions in the image that pip installed, and their versions."""
        self.sources = list(sources)
        """What was asked for: ``deb:NAME``, ``pip:REQUIREMENT``, ``dir:TARGET``, ``oci:DIGEST``."""

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}

    def canonical(self) -> bytes:
        """One byte string for equal documents: what the digest covers."""
        return json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Metadata:
        """Unknown keys, which a later version may have written, are ignored."""
        return cls(**{key: value for key, value in document.items() if key in cls.__slots__})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Metadata) and self.to_json() == other.to_json()

    def __repr__(self) -> str:
        return f"Metadata({', '.join(f'{key}={value!r}' for key, value in self.to_json().items() if value)})"
