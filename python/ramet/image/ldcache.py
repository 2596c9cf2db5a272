"""Makes ``/etc/ld.so.cache``, as ``ldconfig -r`` does, but without root and without running the image's programs.

With it the loader finds a library by one binary search instead of failing opens in every directory and subdirectory of
its path. The format is glibc's ``sysdeps/generic/dl-cache.h``, version 1.1. Libraries below ``glibc-hwcaps``, variants
for newer processors, are not entered: the loader takes the plain ones.
"""

from __future__ import annotations

import fnmatch
import functools
import mmap
import struct
from pathlib import Path

from ramet.image.tree import Directory, Regular, Tree

__all__ = ["write"]

_LOADER = "/lib64/ld-linux-x86-64.so.2"
_DEFAULTS = ("/lib", "/usr/lib", "/lib64", "/usr/lib64")
_FLAGS = 0x0303  # ELF for libc6, x86-64
_LITTLE_ENDIAN = 2
_HEADER = struct.Struct("<20sIIB3xI12x")
_ENTRY = struct.Struct("<iIIIQ")


def write(tree: Tree) -> int:
    """Writes the cache into the tree, if glibc's loader is there; returns the number of libraries in it."""
    if not isinstance(tree.get(_LOADER), Regular):
        return 0
    libraries: dict[str, str] = {}
    seen: list[Directory] = []
    for directory in _search_path(tree):
        node = tree.get(directory)
        # /lib and /usr/lib are one directory: the first name counts, as with ldconfig.
        if isinstance(node, Directory) and node not in seen:
            seen.append(node)
            _scan(tree, directory, libraries)
    tree.add_file("/etc/ld.so.cache", _encode(libraries))
    return len(libraries)


def _search_path(tree: Tree) -> list[str]:
    text = tree.read("/etc/ld.so.conf")
    lines = text.decode(errors="replace").splitlines() if text is not None else ["include /etc/ld.so.conf.d/*.conf"]
    return [*_read_conf(tree, lines, 0), *_DEFAULTS]


def _read_conf(tree: Tree, lines: list[str], depth: int) -> list[str]:
    found: list[str] = []
    for line in lines:
        words = line.split("#", 1)[0].split()
        if len(words) == 2 and words[0] == "include" and depth < 5:
            base, _, pattern = words[1].rpartition("/")
            for name in fnmatch.filter(tree.listdir(base or "/"), pattern):
                text = tree.read(f"{base}/{name}") or b""
                found += _read_conf(tree, text.decode(errors="replace").splitlines(), depth + 1)
        elif len(words) == 1 and words[0].startswith("/"):
            found.append(words[0].rstrip("/"))
    return found


def _scan(tree: Tree, directory: str, libraries: dict[str, str]) -> None:
    own: dict[str, str] = {}
    for name in tree.listdir(directory):
        if not name.startswith(("lib", "ld-")) or ".so" not in name:
            continue
        node = tree.get(f"{directory}/{name}")
        if isinstance(node, Regular):
            soname = _soname(node.content)
            if soname is not None:
                # A file named as its soname (most often a link to the real one) is what the loader is to open.
                own[soname or name] = name if soname in ("", name) or soname not in own else own[soname]
    for soname, name in own.items():
        if name != soname and tree.get(f"{directory}/{soname}", follow=False) is None:
            tree.add_symlink(f"{directory}/{soname}", name)
        libraries.setdefault(soname, f"{directory}/{soname}")


def _soname(path: Path) -> str | None:
    """The DT_SONAME of an x86-64 shared object, "" if it has none; None for anything else."""
    with open(path, "rb") as stream:
        head = stream.read(64)
        if len(head) < 64 or head[:6] != b"\x7fELF\x02\x01" or struct.unpack_from("<HH", head, 16) != (3, 62):
            return None
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                return _dynamic_soname(data)
            except (struct.error, ValueError, IndexError):
                return None  # cut short or made up: no library that anybody could load


def _dynamic_soname(data: mmap.mmap) -> str | None:
    offset, size, count = struct.unpack_from("<Q", data, 32)[0], *struct.unpack_from("<HH", data, 54)
    headers = [struct.unpack_from("<IIQQQQQQ", data, offset + index * size) for index in range(count)]
    dynamic = next((header for header in headers if header[0] == 2), None)
    if dynamic is None:
        return None
    entries: dict[int, int] = {}
    for at in range(dynamic[2], dynamic[2] + dynamic[5], 16):
        tag, value = struct.unpack_from("<qQ", data, at)
        if tag == 0:
            break
        entries.setdefault(tag, value)
    if 14 not in entries or 5 not in entries:
        return ""
    address = entries[5]
    for kind, _, begin, virtual, _, filesize, _, _ in headers:
        if kind == 1 and virtual <= address < virtual + filesize:
            start = address - virtual + begin + entries[14]
            name = data[start : start + 255].split(b"\0", 1)[0].decode()
            return "" if "/" in name else name
    return ""


def _compare(one: str, two: str) -> int:
    """glibc's ``_dl_cache_libcmp``: runs of digits compare as numbers, and come after everything else."""
    a, b = one.encode() + b"\0", two.encode() + b"\0"
    i = j = 0
    while a[i]:
        if 48 <= a[i] <= 57:
            if not 48 <= b[j] <= 57:
                return 1
            m = n = 0
            while 48 <= a[i] <= 57:
                m, i = m * 10 + a[i] - 48, i + 1
            while 48 <= b[j] <= 57:
                n, j = n * 10 + b[j] - 48, j + 1
            if m != n:
                return m - n
        elif 48 <= b[j] <= 57:
            return -1
        elif a[i] != b[j]:
            return a[i] - b[j]
        else:
            i, j = i + 1, j + 1
    return a[i] - b[j]


def _encode(libraries: dict[str, str]) -> bytes:
    names = sorted(libraries, key=functools.cmp_to_key(_compare), reverse=True)
    strings = bytearray()
    base = _HEADER.size + _ENTRY.size * len(names)
    entries = bytearray()
    for name in names:
        key = base + len(strings)
        strings += name.encode() + b"\0"
        value = base + len(strings)
        strings += libraries[name].encode() + b"\0"
        entries += _ENTRY.pack(_FLAGS, key, value, 0, 0)
    header = _HEADER.pack(b"glibc-ld.so.cache1.1", len(names), len(strings), _LITTLE_ENDIAN, 0)
    return header + bytes(entries) + bytes(strings)
