"""Writes a `Tree` as an uncompressed EROFS file system, and reads one back.

mkfs.erofs writes it from a directory of the current user. It cannot take owners and modes from anywhere but that
directory, so they are set afterwards, in the inodes themselves: an ordinary user's image is root's, byte for byte.

The guest maps file pages straight from the image, so every regular file is laid out plain: whole blocks of 4096 bytes,
none of it beside its inode. (Directories and symbolic links may have inline tails.) `make` checks that.

The structures are those of Linux's ``fs/erofs/erofs_fs.h``.
"""

from __future__ import annotations

import mmap
import os
import shutil
import stat
import struct
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ramet.errors import BuildError, ImageError
from ramet.image import programs
from ramet.image.tree import Directory, Fifo, Node, Regular, Symlink, Tree

__all__ = ["BLOCK", "Inode", "Reader", "make"]

BLOCK = 4096
# Every file's time stamp: 2000-01-01. Zero would be before what zip archives and some programs can express.
TIMESTAMP = 946_684_800

# A large page of the guest's, and what a program must have for its place to matter.
_LARGE = 2 << 20
_ALIGNED_LEAST = 2 * _LARGE

_SUPER = 1024
_MAGIC = 0xE0F5E1E2
_COMPAT_CHECKSUM = 1
_PLAIN, _INLINE = 0, 2
_MAX_COMPACT_ID = 0xFFFF
_UUID_NAMESPACE = uuid.UUID("6b1f3f0a-6a0e-5d6e-9a52-0f5ad0c2a7c1")


def make(tree: Tree, image: Path, scratch: Path) -> None:
    """Writes the tree, which is used up, to ``image``. ``scratch`` is on the file system of the tree's contents."""
    mkfs = programs.need("mkfs.erofs", "erofs-utils")
    identity = uuid.uuid5(_UUID_NAMESPACE, tree.fingerprint().hex())
    nodes = [tree.root, *(node for _, node in tree.walk())]
    wide = any(max(node.uid, node.gid) > _MAX_COMPACT_ID for node in nodes)
    source = scratch / "root"
    tree.materialise(source)
    options = ["noinline_data", "force-inode-extended" if wide else "force-inode-compact"]
    programs.run(
        [
            mkfs,
            "--quiet",
            f"-T{TIMESTAMP}",
            f"-U{identity}",
            "-x-1",
            "--all-root",
            f"-E{','.join(options)}",
            image,
            source,
        ],
        "the file system could not be written",
    )
    with open(image, "r+b") as stream, mmap.mmap(stream.fileno(), 0) as memory:
        reader = Reader(memory)
        reader.record(tree.root)
        moves = reader.align(tree.root)
        reader.seal()
    if moves:
        _move(image, moves)
    _leave_cache(image)


def _move(image: Path, moves: list[tuple[int, int, int]]) -> None:
    """Copies data inside the image: (from, to, bytes). What was there becomes a hole where the host can make one."""
    with open(image, "r+b") as stream:
        for source, target, size in moves:
            stream.seek(source)
            data = stream.read(size)
            stream.seek(target)
            stream.write(data)
            stream.seek(source)
            stream.write(bytes(len(data)))
        stream.truncate(max(target + -(-size // BLOCK) * BLOCK for _, target, size in moves))
    if shutil.which("fallocate"):
        # A file system without holes keeps the zeros.
        subprocess.run(["fallocate", "--dig-holes", image], capture_output=True)


def _leave_cache(image: Path) -> None:
    """Lets the host read the image anew when it is first used: then it does so in 2 MiB pages where its file system has
    such, which a page cache filled by small writes never gets."""
    with open(image, "rb") as stream:
        os.fsync(stream.fileno())
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


@dataclass(frozen=True)
class Inode:
    """One inode as it stands in the image."""

    nid: int
    offset: int
    """Of the inode in the image, in bytes."""
    extended: bool
    layout: int
    mode: int
    uid: int
    gid: int
    size: int
    block: int
    """First data block."""
    tail: int
    """Where inline data begin, in bytes."""

    @property
    def data(self) -> int:
        """Offset of the first data block in the image, in bytes."""
        return self.block * BLOCK


class Reader:
    """Reads an uncompressed EROFS image; whatever the image says is checked against its length."""

    def __init__(self, memory: mmap.mmap | bytes | bytearray) -> None:
        self.memory = memory
        if len(memory) < _SUPER + 128 or self._number("<I", _SUPER) != _MAGIC:
            raise ImageError("this is no EROFS image")
        if memory[_SUPER + 12] != 12:
            raise ImageError("the image's blocks are not of 4096 bytes")
        self.root_nid = self._number("<H", _SUPER + 14)
        self.meta = self._number("<I", _SUPER + 40) * BLOCK

    def _number(self, form: str, offset: int) -> int:
        try:
            value: int = struct.unpack_from(form, self.memory, offset)[0]
        except (struct.error, OverflowError) as error:
            raise ImageError(f"the image is cut short at {offset}") from error
        return value

    def inode(self, nid: int) -> Inode:
        offset = self.meta + nid * 32
        form = self._number("<H", offset)
        extended = bool(form & 1)
        layout = form >> 1 & 7
        if layout not in (_PLAIN, _INLINE):
            raise ImageError(f"inode {nid} has the layout {layout}: the image is compressed or of another kind")
        xattrs = self._number("<H", offset + 2)
        head = 64 if extended else 32
        return Inode(
            nid=nid,
            offset=offset,
            extended=extended,
            layout=layout,
            mode=self._number("<H", offset + 4),
            uid=self._number("<I", offset + 24) if extended else self._number("<H", offset + 24),
            gid=self._number("<I", offset + 28) if extended else self._number("<H", offset + 26),
            size=self._number("<Q", offset + 8) if extended else self._number("<I", offset + 8),
            block=self._number("<I", offset + 16),
            tail=offset + head + (12 + 4 * (xattrs - 1) if xattrs else 0),
        )

    def read(self, inode: Inode) -> bytes:
        """All the bytes of a file, a directory or a symbolic link."""
        if inode.size > len(self.memory):
            raise ImageError(f"inode {inode.nid} is larger than the image")
        whole = inode.size if inode.layout == _PLAIN else inode.size // BLOCK * BLOCK
        data = bytes(self.memory[inode.data : inode.data + whole])
        if inode.layout == _INLINE:
            data += bytes(self.memory[inode.tail : inode.tail + inode.size - whole])
        if len(data) != inode.size:
            raise ImageError(f"the image is cut short: inode {inode.nid} ends beyond it")
        return data

    def entries(self, inode: Inode) -> Iterator[tuple[str, Inode]]:
        """The entries of a directory, without ``.`` and ``..``."""
        data = self.read(inode)
        for start in range(0, len(data), BLOCK):
            block = data[start : start + BLOCK]
            first = int.from_bytes(block[8:10], "little")
            if first < 12 or first % 12 or first > len(block):
                raise ImageError(f"directory {inode.nid} of the image is damaged")
            heads = [struct.unpack_from("<QHBB", block, at) for at in range(0, first, 12)]
            ends = [head[1] for head in heads[1:]] + [len(block)]
            for (nid, begin, _kind, _), end in zip(heads, ends, strict=True):
                name = block[begin:end].split(b"\0", 1)[0].decode(errors="surrogateescape")
                if name not in (".", ".."):
                    yield name, self.inode(nid)

    def walk(self) -> Iterator[tuple[str, Inode]]:
        """Everything in the image, as (absolute path, inode)."""
        pending = [("", self.inode(self.root_nid))]
        seen = {self.root_nid}
        while pending:
            base, directory = pending.pop()
            for name, inode in self.entries(directory):
                yield f"{base}/{name}", inode
                if stat.S_ISDIR(inode.mode):
                    if inode.nid in seen:
                        raise ImageError(f"directory {inode.nid} of the image has two names")
                    seen.add(inode.nid)
                    pending.append((f"{base}/{name}", inode))

    # Writing owners and modes.

    def record(self, root: Directory) -> None:
        """Gives every inode the mode and the owner of its node, and checks that what the guest maps is aligned."""
        pending: list[tuple[Directory, Inode]] = [(root, self.inode(self.root_nid))]
        self._set(root, pending[0][1])
        while pending:
            directory, inode = pending.pop()
            found = dict(self.entries(inode))
            if found.keys() != directory.entries.keys():
                raise BuildError("mkfs.erofs wrote other files than it was given")
            for name, node in directory.entries.items():
                child = found[name]
                self._set(node, child)
                if isinstance(node, Directory):
                    pending.append((node, child))
                elif isinstance(node, Regular) and (child.size != node.size or child.layout != _PLAIN):
                    raise BuildError(f"mkfs.erofs wrote {name} in a form that cannot be mapped")

    def align(self, root: Directory) -> list[tuple[int, int, int]]:
        """Gives large programs and libraries places at 2 MiB boundaries behind everything else, so that the
        guest's page tables can show 2 MiB of their text with one entry. What is to be copied: (from, to, bytes)."""
        places: dict[int, int] = {}
        moves = []
        end = self._number("<I", _SUPER + 36) * BLOCK
        pending: list[tuple[Directory, Inode]] = [(root, self.inode(self.root_nid))]
        while pending:
            directory, inode = pending.pop()
            found = dict(self.entries(inode))
            for name in sorted(directory.entries):
                node, child = directory.entries[name], found[name]
                if isinstance(node, Directory):
                    pending.append((node, child))
                    continue
                is_program = isinstance(node, Regular) and self.memory[child.data : child.data + 4] == b"\x7fELF"
                if not is_program or child.size < _ALIGNED_LEAST or child.nid in places:
                    continue
                if child.data % _LARGE:
                    target = -(-end // _LARGE) * _LARGE
                    end = target + -(-child.size // BLOCK) * BLOCK
                    moves.append((child.data, target, child.size))
                    struct.pack_into("<I", self._writable, child.offset + 16, target // BLOCK)
                places[child.nid] = child.data
        struct.pack_into("<I", self._writable, _SUPER + 36, end // BLOCK)
        return moves

    def _set(self, node: Node, inode: Inode) -> None:
        kind = {Directory: stat.S_IFDIR, Regular: stat.S_IFREG, Symlink: stat.S_IFLNK, Fifo: stat.S_IFIFO}[type(node)]
        if stat.S_IFMT(inode.mode) != kind:
            raise BuildError("mkfs.erofs wrote a file of another kind than it was given")
        struct.pack_into("<H", self._writable, inode.offset + 4, kind | node.mode)
        form, at = ("<II", 24) if inode.extended else ("<HH", 24)
        struct.pack_into(form, self._writable, inode.offset + at, node.uid, node.gid)

    @property
    def _writable(self) -> mmap.mmap | bytearray:
        if isinstance(self.memory, bytes):
            raise ImageError("the image was opened for reading")
        return self.memory

    def seal(self) -> None:
        """Makes the superblock's checksum right again (CRC-32C of the rest of its block, with the field at zero)."""
        if not self._number("<I", _SUPER + 8) & _COMPAT_CHECKSUM:
            return
        struct.pack_into("<I", self._writable, _SUPER + 4, 0)
        struct.pack_into("<I", self._writable, _SUPER + 4, _crc32c(bytes(self.memory[_SUPER:BLOCK])))


def _crc32c(data: bytes) -> int:
    """Castagnoli's, from ~0 and without the final inversion, as the kernel's ``crc32c()``."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value
