"""Unpacks tar archives (Debian packages, OCI layers) into a `Tree`. The archive is taken to be hostile."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Callable
from typing import IO

from ramet.errors import BuildError
from ramet.image.tree import Directory, Tree

__all__ = ["BoundedTarInfo", "unpack"]

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_MAX_ENTRIES = 4_000_000
_MAX_HEADER = 1 << 20
_HEADERS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)


class BoundedTarInfo(tarfile.TarInfo):
    """Refuses extended headers of absurd size, which tarfile would read into memory whole."""

    def _proc_member(self, tarfile_: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in _HEADERS and not 0 <= self.size <= _MAX_HEADER:
            raise tarfile.ReadError(f"an extended header of {self.size} bytes")
        return super()._proc_member(tarfile_)  # type: ignore[misc, no-any-return]


def unpack(
    tree: Tree,
    stream: IO[bytes],
    *,
    origin: str,
    layer: bool = False,
    skip: Callable[[str], bool] = lambda path: False,
) -> list[str]:
    """Adds the archive's files to the tree; returns their absolute paths in the archive's order.

    ``layer``: an OCI layer, whose whiteouts remove what lower layers had. ``skip`` chooses what to leave out.
    Device nodes are left out: ``/dev`` is the kernel's. Raises `BuildError` for a damaged archive, for names that lead
    outside, and for links to what is not there.
    """
    paths: list[str] = []
    try:
        with tarfile.open(fileobj=stream, mode="r|*", tarinfo=BoundedTarInfo) as archive:
            if layer:
                return _unpack_layer(tree, archive, origin, skip)
            for member in archive:
                path = _path(member.name, origin)
                if not skip(path):
                    _add(tree, archive, member, path, origin, layer=False)
                    paths.append(path)
                _count(paths, origin)
    except (tarfile.TarError, EOFError, UnicodeError, ValueError) as error:
        raise BuildError(f"{origin} is not a whole tar archive: {error}") from error
    return paths


def _unpack_layer(tree: Tree, archive: tarfile.TarFile, origin: str, skip: Callable[[str], bool]) -> list[str]:
    """A whiteout hides what lower layers had, never what its own layer adds, wherever it stands in the archive."""
    own = _Own()
    paths: list[str] = []
    for member in archive:
        path = _path(member.name, origin)
        parent, name = os.path.split(path)
        if name == _OPAQUE:
            _clear(tree, parent, own)
        elif name.startswith(_WHITEOUT):
            hidden = name.removeprefix(_WHITEOUT)
            if hidden in ("", ".", ".."):
                raise BuildError(f"{origin} has the whiteout {path!r}, which names no file")
            victim = f"{parent.rstrip('/')}/{hidden}"
            if victim in own.above:
                _clear(tree, victim, own)
            elif victim not in own.paths:
                tree.remove(victim)
        elif not skip(path):
            _add(tree, archive, member, path, origin, layer=True)
            own.add(path)
            paths.append(path)
        _count(paths, origin)
    return paths


class _Own:
    """What the layer itself has put into the tree, and the directories above it."""

    def __init__(self) -> None:
        self.paths: set[str] = set()
        self.above: set[str] = set()

    def add(self, path: str) -> None:
        self.paths.add(path)
        while path not in ("", "/"):
            path = path.rpartition("/")[0]
            if path in self.above:
                break
            self.above.add(path)


def _clear(tree: Tree, path: str, own: _Own) -> None:
    """Empties a directory of all that this layer did not put there."""
    node = tree.get(path, follow=False)
    if not isinstance(node, Directory):
        return
    for name in list(node.entries):
        child = f"{path.rstrip('/')}/{name}"
        if child in own.above:
            _clear(tree, child, own)
        elif child not in own.paths:
            del node.entries[name]


def _count(paths: list[str], origin: str) -> None:
    if len(paths) > _MAX_ENTRIES:
        raise BuildError(f"{origin} has more than {_MAX_ENTRIES} files")


def _path(name: str, origin: str) -> str:
    """The member's name as an absolute path of the image; refuses one that could mean a place outside."""
    parts = name.split("/")
    if name.startswith("/") or ".." in parts or "\0" in name:
        raise BuildError(f"{origin} is refused: its file name {name[:80]!r} leads outside of the image")
    return "/" + "/".join(part for part in parts if part not in ("", "."))


def _add(tree: Tree, archive: tarfile.TarFile, member: tarfile.TarInfo, path: str, origin: str, *, layer: bool) -> None:
    if not (0 <= member.uid < 1 << 32 and 0 <= member.gid < 1 << 32):
        raise BuildError(f"{origin}: {path} belongs to the impossible user {member.uid}:{member.gid}")
    mode, uid, gid = member.mode & 0o7777, member.uid, member.gid
    if path == "/":
        if not member.isdir():
            raise BuildError(f"{origin} is refused: its root is not a directory")
        tree.root.mode, tree.root.uid, tree.root.gid = mode, uid, gid
    elif member.isdir():
        tree.add_directory(path, mode=mode, uid=uid, gid=gid, replace_link=layer)
    elif member.isreg():
        _make_way(tree, path, layer)
        source = archive.extractfile(member)
        if source is None:
            raise BuildError(f"{origin}: {path} has no content")
        tree.add_file(path, source, mode=mode, uid=uid, gid=gid)
    elif member.issym():
        _make_way(tree, path, layer)
        tree.add_symlink(path, member.linkname, uid=uid, gid=gid)
    elif member.islnk():
        existing = _path(member.linkname, origin)
        if existing != path:
            _make_way(tree, path, layer)
            tree.add_hardlink(path, existing)
    elif member.isfifo():
        _make_way(tree, path, layer)
        tree.add_fifo(path, mode=mode, uid=uid, gid=gid)
    # Devices, and kinds that nobody uses, are left out.


def _make_way(tree: Tree, path: str, layer: bool) -> None:
    """In a layer a file replaces a directory of a lower one; in a package that is an error (`Tree` says so)."""
    if layer and isinstance(tree.get(path, follow=False), Directory):
        tree.remove(path)
