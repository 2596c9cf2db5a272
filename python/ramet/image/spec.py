"""The build specification: a TOML file, or the same fields from the command line."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ramet.errors import ImageSpecError
from ramet.image.store import check_name
from ramet.image.units import parse_size

__all__ = ["CopySource", "Spec"]


@dataclass(frozen=True)
class CopySource:
    """Files of the host: ``source`` (a file or a directory's contents) goes to ``target`` in the image."""

    source: Path
    target: str

    @classmethod
    def parse(cls, text: str, base: Path | None = None) -> CopySource:
        """``SRC:DST``; a relative SRC starts at ``base``. DST is absolute."""
        source, colon, target = text.rpartition(":")
        if not colon or not source or not target.startswith("/"):
            raise ImageSpecError(f"{text!r} does not say what to copy where", hint="write SRC:/DST")
        return cls((base or Path()) / Path(source).expanduser(), target)


@dataclass(kw_only=True)
class Spec:
    """What an image is made of, and how a VM that boots from it runs unless told otherwise."""

    name: str | None = None
    packages: list[str] = field(default_factory=list)
    """Debian packages; what they depend on comes along (and nothing else: not the system's essential set)."""
    pip: list[str] = field(default_factory=list)
    """Requirements as pip takes them; wheels only."""
    files: list[CopySource] = field(default_factory=list)
    oci: str | None = None
    """An OCI layout directory or archive, or a registry's reference (fetched with skopeo)."""
    links: dict[str, str] = field(default_factory=dict)
    """Symbolic links to make: path → target."""
    env: dict[str, str] = field(default_factory=dict)
    workdir: str | None = None
    entrypoint: list[str] | None = None
    cmd: list[str] | None = None
    user: str | None = None
    memory: int | None = None
    """Bytes."""
    max_clones: int | None = None
    labels: dict[str, str] = field(default_factory=dict)
    warmup: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.name is not None:
            check_name(self.name)
        if self.workdir is not None and not self.workdir.startswith("/"):
            raise ImageSpecError(f"workdir {self.workdir!r} is not an absolute path")
        if self.max_clones is not None and self.max_clones < 0:
            raise ImageSpecError(f"max_clones is {self.max_clones}, which is negative")
        for name, value in self.env.items():
            if not name or "=" in name or "\0" in name + value:
                raise ImageSpecError(f"{name!r} cannot be the name of an environment variable")
        for path in self.links:
            if not path.startswith("/"):
                raise ImageSpecError(f"links: {path!r} is not an absolute path")

    @classmethod
    def from_toml(cls, path: Path | str) -> Spec:
        """Reads a specification; relative sources in it start at its directory."""
        file = Path(path)
        try:
            document = tomllib.loads(file.read_text())
        except OSError as error:
            raise ImageSpecError(f"{file} cannot be read: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ImageSpecError(f"{file} is no TOML: {error}") from error
        return cls.from_dict(document, base=file.resolve().parent, origin=str(file))

    @classmethod
    def from_dict(cls, document: Mapping[str, Any], *, base: Path, origin: str = "specification") -> Spec:
        """The fields of a TOML document. Unknown ones are refused: they are misspelt ones."""
        values: dict[str, Any] = {}
        for key, value in document.items():
            reader = _READERS.get(key)
            if reader is None:
                raise ImageSpecError(
                    f"{origin}: unknown field {key!r}", hint=f"the fields are {', '.join(sorted(_READERS))}"
                )
            try:
                values.update(reader(key, value, base))
            except ImageSpecError as error:
                raise ImageSpecError(f"{origin}: {error.message}", hint=error.hint) from error
            except ValueError as error:
                raise ImageSpecError(f"{origin}: {key}: {error}") from error
        return cls(**values)


def _text(key: str, value: Any, _base: Path) -> dict[str, Any]:
    if not isinstance(value, str) or "\0" in value:
        raise ImageSpecError(f"{key} must be a string")
    return {key: value}


def _texts(key: str, value: Any, _base: Path) -> dict[str, Any]:
    if not isinstance(value, list) or not all(isinstance(item, str) and "\0" not in item for item in value):
        raise ImageSpecError(f"{key} must be a list of strings")
    return {key: list(value)}


def _table(key: str, value: Any, _base: Path) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(item, str | int | float) for item in value.values()):
        raise ImageSpecError(f"{key} must be a table of strings")
    return {key: {name: item if isinstance(item, str) else str(item) for name, item in value.items()}}


def _user(key: str, value: Any, base: Path) -> dict[str, Any]:
    return {key: str(value)} if isinstance(value, int) and not isinstance(value, bool) else _text(key, value, base)


def _memory(key: str, value: Any, _base: Path) -> dict[str, Any]:
    return {key: parse_size(value)}


def _count(key: str, value: Any, _base: Path) -> dict[str, Any]:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ImageSpecError(f"{key} must be a number")
    return {key: value}


def _files(key: str, value: Any, base: Path) -> dict[str, Any]:
    return {key: [CopySource.parse(item, base) for item in _texts(key, value, base)[key]]}


def _oci(key: str, value: Any, base: Path) -> dict[str, Any]:
    text = str(_text(key, value, base)[key])
    local = base / Path(text).expanduser()
    return {key: str(local) if local.exists() else text}


def _freeze(key: str, value: Any, base: Path) -> dict[str, Any]:
    if not isinstance(value, dict) or set(value) - {"warmup"}:
        raise ImageSpecError("[freeze] may hold `warmup` and nothing else")
    return _texts("warmup", value.get("warmup", []), base)


_READERS = {
    "name": _text,
    "packages": _texts,
    "pip": _texts,
    "files": _files,
    "oci": _oci,
    "links": _table,
    "env": _table,
    "workdir": _text,
    "entrypoint": _texts,
    "cmd": _texts,
    "user": _user,
    "memory": _memory,
    "max_clones": _count,
    "labels": _table,
    "freeze": _freeze,
}
