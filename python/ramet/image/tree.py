"""The file tree of an image under construction.

The tree lives in memory; only the bytes of regular files are on the disk, in files that the tree names. So a path of a
hostile archive never meets the host's file system: symbolic links, ``..`` and owners are resolved here, inside the
image, and an ordinary user records the same owners and modes as root.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from ramet.errors import BuildError

__all__ = ["Directory", "Fifo", "Node", "Regular", "Symlink", "Tree"]

_MAX_LINKS = 40  # as Linux: more symbolic links on one path are a loop
_MAX_NAME = 255
_MAX_PATH = 4095
_MAX_DEPTH = 256  # of directories; the tree is walked recursively, here and by mkfs.erofs
DEFAULT_LIMIT = 32 << 30


@dataclass(eq=False)
class Node:
    """Permissions (the low twelve bits of the mode) and owner."""

    mode: int = 0o644
    uid: int = 0
    gid: int = 0


@dataclass(eq=False)
class Regular(Node):
    """A file: its bytes are those of ``content``, which belongs to the tree."""

    content: Path = Path()
    size: int = 0
    sha256: str = ""


@dataclass(eq=False)
class Symlink(Node):
    mode: int = 0o777
    target: str = ""


@dataclass(eq=False)
class Fifo(Node):
    pass


@dataclass(eq=False)
class Directory(Node):
    mode: int = 0o755
    entries: dict[str, Node] = field(default_factory=dict)


class Tree:
    """A root directory. Paths are the image's, absolute or not (they are taken from the root)."""

    def __init__(self, scratch: Path, *, limit: int = DEFAULT_LIMIT) -> None:
        self.root = Directory()
        self._scratch = scratch / "content"
        self._scratch.mkdir()
        self._serial = 0
        self._size = 0
        self._limit = limit

    # Finding.

    def _parts(self, path: str) -> list[str]:
        if "\0" in path or len(os.fsencode(path)) > _MAX_PATH:
            raise BuildError(f"{path[:80]!r} is no valid path")
        return [part for part in path.split("/") if part not in ("", ".")]

    def _walk(self, path: str, *, follow: bool, make: bool = False) -> tuple[Directory, str, Node | None]:
        """(directory, name, node or None) of the last component; ``name`` is "" for the root itself."""
        pending = self._parts(path)[::-1]
        trail: list[tuple[Directory, str]] = []
        here = self.root
        links = 0
        while pending:
            part = pending.pop()
            if part == "..":
                here = trail.pop()[0] if trail else self.root
                continue
            if len(os.fsencode(part)) > _MAX_NAME:
                raise BuildError(f"the name {part[:40]!r}... in {path[:80]!r} is longer than {_MAX_NAME} bytes")
            node = here.entries.get(part)
            last = not pending
            if isinstance(node, Symlink) and (follow or not last):
                links += 1
                if links > _MAX_LINKS:
                    raise BuildError(f"{path}: too many symbolic links, or a loop of them")
                if node.target.startswith("/"):
                    trail, here = [], self.root
                pending += self._parts(node.target)[::-1]
                continue
            if last:
                return here, part, node
            if node is None:
                if not make:
                    return here, "", None
                node = here.entries[part] = Directory()
            if not isinstance(node, Directory):
                raise BuildError(f"{path}: {part} is not a directory in the image")
            trail.append((here, part))
            if len(trail) > _MAX_DEPTH:
                raise BuildError(f"{path[:80]!r}: more than {_MAX_DEPTH} directories deep")
            here = node
        # The path was empty, or ended in `..` or in a symbolic link to such a place.
        return here, "", here

    def get(self, path: str, *, follow: bool = True) -> Node | None:
        """What is at ``path``, or None."""
        try:
            return self._walk(path, follow=follow)[2]
        except BuildError:
            return None

    def exists(self, path: str) -> bool:
        return self.get(path) is not None

    def listdir(self, path: str) -> list[str]:
        """The sorted names in a directory; nothing for what is not one."""
        node = self.get(path)
        return sorted(node.entries) if isinstance(node, Directory) else []

    def walk(self, path: str = "/") -> Iterator[tuple[str, Node]]:
        """Everything below ``path`` (itself not), in one fixed order, as (absolute path, node)."""
        node = self.get(path)
        if isinstance(node, Directory):
            yield from _walk_node(path.rstrip("/"), node)

    def read(self, path: str) -> bytes | None:
        """The bytes of a regular file, or None."""
        node = self.get(path)
        return node.content.read_bytes() if isinstance(node, Regular) else None

    # Changing. What stood there before is replaced, but a directory keeps its entries when it becomes a directory.

    def _put(self, path: str, node: Node) -> None:
        directory, name, old = self._walk(path, follow=False, make=True)
        if not name:
            raise BuildError(f"{path!r} is the root directory of the image, not a file")
        if isinstance(old, Directory) and not isinstance(node, Directory) and old.entries:
            raise BuildError(f"{path} is a directory in the image, and would be replaced by a file")
        directory.entries[name] = node

    def add_file(
        self, path: str, source: IO[bytes] | bytes, *, mode: int = 0o644, uid: int = 0, gid: int = 0
    ) -> Regular:
        """A regular file with the bytes of ``source``."""
        self._serial += 1
        content = self._scratch / str(self._serial)
        digest = hashlib.sha256()
        size = 0
        with open(content, "xb") as out:
            for chunk in _chunks(source):
                size += len(chunk)
                if self._size + size > self._limit:
                    raise BuildError(f"the image would hold more than {self._limit >> 20} MiB ({path} did not fit)")
                digest.update(chunk)
                out.write(chunk)
        self._size += size
        node = Regular(mode & 0o7777, uid, gid, content, size, digest.hexdigest())
        self._put(path, node)
        return node

    def add_directory(
        self, path: str, *, mode: int = 0o755, uid: int = 0, gid: int = 0, replace_link: bool = False
    ) -> None:
        """A directory; over an existing one only its owner and mode change.

        A symbolic link to a directory stays (a merged /usr: ``/bin`` → ``usr/bin``) unless ``replace_link``.
        """
        directory, name, old = self._walk(path, follow=not replace_link, make=True)
        if isinstance(old, Directory):
            old.mode, old.uid, old.gid = mode & 0o7777, uid, gid
            return
        if not name:
            raise BuildError(f"{path}: a symbolic link of the image leads nowhere")
        directory.entries[name] = Directory(mode & 0o7777, uid, gid)

    def add_symlink(self, path: str, target: str, *, uid: int = 0, gid: int = 0) -> None:
        if not target or "\0" in target or len(os.fsencode(target)) > _MAX_PATH:
            raise BuildError(f"{path}: {target[:80]!r} is no valid target of a symbolic link")
        self._put(path, Symlink(0o777, uid, gid, target))

    def add_hardlink(self, path: str, existing: str) -> None:
        """Another name of a file that is already there."""
        node = self._walk(existing, follow=False)[2]
        if node is None or isinstance(node, Directory):
            raise BuildError(f"{path} is a hard link to {existing}, which is not a file of the image")
        self._put(path, node)

    def add_fifo(self, path: str, *, mode: int = 0o644, uid: int = 0, gid: int = 0) -> None:
        self._put(path, Fifo(mode & 0o7777, uid, gid))

    def remove(self, path: str) -> bool:
        """Removes a file, or a directory with all in it; False if there was none."""
        directory, name, node = self._walk(path, follow=False)
        if node is None or not name:
            return False
        del directory.entries[name]
        return True

    def clear(self, path: str) -> None:
        """Empties a directory."""
        node = self.get(path)
        if isinstance(node, Directory):
            node.entries.clear()

    def make_directory(self, path: str, *, mode: int = 0o755) -> None:
        """A directory if nothing is there yet."""
        if not self.exists(path):
            self.add_directory(path, mode=mode)

    def default_file(self, path: str, content: bytes, *, mode: int = 0o644) -> None:
        """A file if nothing is there yet."""
        if self.get(path, follow=False) is None:
            self.add_file(path, content, mode=mode)

    # At the end.

    def fingerprint(self) -> bytes:
        """SHA-256 of everything that the file system will hold: paths, kinds, owners, modes, contents, hard links."""
        digest = hashlib.sha256(b"%o %d %d\n" % (self.root.mode, self.root.uid, self.root.gid))
        first: dict[int, str] = {}
        for path, node in self.walk():
            kind = type(node).__name__
            detail = ""
            if isinstance(node, Regular):
                detail = node.sha256
            elif isinstance(node, Symlink):
                detail = node.target
            if not isinstance(node, Directory):
                detail += "\0" + first.setdefault(id(node), path)
            line = f"{kind}\0{path}\0{node.mode:o}\0{node.uid}\0{node.gid}\0{detail}\n"
            digest.update(os.fsencode(line))
        return digest.digest()

    def materialise(self, target: Path) -> None:
        """Moves the tree into a directory of the host: the current user's files, modes that let it read them.

        Owners and modes are not those of the image (`erofs.make` records these). The tree is used up.
        """
        target.mkdir()
        done: dict[int, str] = {}
        self._materialise(self.root, os.fspath(target), done)

    def _materialise(self, directory: Directory, base: str, done: dict[int, str]) -> None:
        for name in sorted(directory.entries):
            node = directory.entries[name]
            path = f"{base}/{name}"
            if isinstance(node, Directory):
                os.mkdir(path)
                self._materialise(node, path, done)
            elif id(node) in done:
                os.link(done[id(node)], path, follow_symlinks=False)
            else:
                if isinstance(node, Regular):
                    os.rename(node.content, path)
                elif isinstance(node, Symlink):
                    os.symlink(node.target, path)
                elif isinstance(node, Fifo):
                    os.mkfifo(path)
                done[id(node)] = path

    def copy_in(self, source: Path, target: str) -> None:
        """Copies a file or a directory of the host: modes are kept, everything belongs to root, links stay links."""
        state = source.lstat()
        if source.is_symlink() and not source.is_dir():
            state = source.stat()
        if stat.S_ISREG(state.st_mode):
            if target.endswith("/") or isinstance(self.get(target), Directory):
                target = f"{target.rstrip('/')}/{source.name}"
            self._copy_one(source, target, state)
            return
        if not source.is_dir():
            raise BuildError(f"{source} is neither a file nor a directory")
        seen: dict[tuple[int, int], str] = {}
        self.make_directory(target)
        for path, names, files in os.walk(source):
            relative = os.path.relpath(path, source)
            base = target.rstrip("/") if relative == "." else f"{target.rstrip('/')}/{relative}"
            if relative != ".":
                self.add_directory(base, mode=stat.S_IMODE(os.stat(path).st_mode))
            names.sort()
            for name in sorted([*files, *(item for item in names if os.path.islink(f"{path}/{item}"))]):
                self._copy_entry(Path(path, name), f"{base}/{name}", seen)

    def _copy_entry(self, source: Path, target: str, seen: dict[tuple[int, int], str]) -> None:
        state = source.lstat()
        key = (state.st_dev, state.st_ino)
        if stat.S_ISLNK(state.st_mode):
            self.add_symlink(target, os.readlink(source))
        elif state.st_nlink > 1 and key in seen:
            self.add_hardlink(target, seen[key])
        elif stat.S_ISREG(state.st_mode):
            self._copy_one(source, target, state)
            seen[key] = target
        elif stat.S_ISFIFO(state.st_mode):
            self.add_fifo(target, mode=stat.S_IMODE(state.st_mode))
        else:
            raise BuildError(f"{source} is a device or a socket, which an image cannot hold", hint="leave it out")

    def _copy_one(self, source: Path, target: str, state: os.stat_result) -> None:
        with open(source, "rb") as stream:
            self.add_file(target, stream, mode=stat.S_IMODE(state.st_mode))

    def discard(self) -> None:
        shutil.rmtree(self._scratch, ignore_errors=True)


def _chunks(source: IO[bytes] | bytes) -> Iterator[bytes]:
    if isinstance(source, bytes):
        yield source
        return
    while chunk := source.read(1 << 18):
        yield chunk


def _walk_node(base: str, directory: Directory) -> Iterator[tuple[str, Node]]:
    for name in sorted(directory.entries):
        child = directory.entries[name]
        yield f"{base}/{name}", child
        if isinstance(child, Directory):
            yield from _walk_node(f"{base}/{name}", child)
