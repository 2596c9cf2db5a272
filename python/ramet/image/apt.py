"""Debian packages with everything they depend on: resolved and downloaded by apt, without root, without a trace.

apt gets directories of its own and an empty list of installed packages, so that its resolver answers with the whole
closure; it reads the system's sources, keys and preferences. Downloads are kept by content, in ``CACHE/debs``.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import unquote

from ramet import paths
from ramet.errors import BuildError, HostError, ImageSpecError, StoreFull
from ramet.image import programs
from ramet.image.progress import Progress, Step

__all__ = ["Package", "closure", "fetch"]

_SYSTEM_LISTS = Path("/var/lib/apt/lists")
_HELPER = Path("/usr/lib/apt/apt-helper")
_FRESH = 7 * 86400  # younger lists of the system are believed when they lack a package
_BATCH = 8
_LOOK = "look for the name with `apt-cache search`, and at what versions there are with `apt-cache policy`"
# A package, a version or a release if wanted: `name`, `name=1.2-3`, `name/bookworm`.
_REQUEST = re.compile(r"[a-z0-9][a-z0-9+.-]+(:[a-z0-9]+)?([=/][A-Za-z0-9.+:~_-]+)?")
_URI_LINE = re.compile(r"'([^']+)' (\S+) (\d+) SHA256:([0-9a-f]{64})")


@dataclass(frozen=True)
class Package:
    """One package of the closure. ``path`` is where its .deb is, or will be."""

    name: str
    version: str
    uri: str
    size: int
    sha256: str
    path: Path

    def is_whole(self) -> bool:
        """Whether it has been downloaded."""
        try:
            return self.path.stat().st_size == self.size
        except FileNotFoundError:
            return False

    def _digest(self) -> str:
        with open(self.path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    def _damaged(self, detail: str = "its digest is another") -> BuildError:
        return BuildError(f"{self.path} is damaged: {detail}", hint="remove it and build again")

    @contextlib.contextmanager
    def files(self) -> Iterator[IO[bytes]]:
        """The archive of its files, as a tar stream."""
        command = [programs.need("dpkg-deb", "dpkg"), "--fsys-tarfile", os.fspath(self.path)]
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as child:
            assert child.stdout is not None and child.stderr is not None
            try:
                yield child.stdout
                while child.stdout.read(1 << 16):
                    pass
            except BaseException as error:
                child.kill()
                if isinstance(error, BuildError) and self._digest() != self.sha256:
                    raise self._damaged() from error
                raise
            message = child.stderr.read().decode(errors="replace")
        if child.returncode != 0:
            raise self._damaged(programs.last_line(message))

    def control(self) -> dict[str, str]:
        """Its control files by name: ``control``, ``postinst``, ``conffiles`` and so on."""
        command = [programs.need("dpkg-deb", "dpkg"), "--ctrl-tarfile", os.fspath(self.path)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        try:
            with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
                members = [(member, archive.extractfile(member)) for member in archive if member.isreg()]
                return {
                    os.path.basename(member.name): stream.read().decode(errors="replace")
                    for member, stream in members
                    if stream is not None
                }
        except tarfile.TarError as error:
            raise self._damaged(str(error)) from error


def check_request(text: str) -> str:
    """The package as apt may be told it (never an option)."""
    if not _REQUEST.fullmatch(text) or text.endswith("-"):  # apt takes `NAME-` for a request to remove
        raise ImageSpecError(f"{text!r} is no Debian package name", hint="write NAME, or NAME=VERSION")
    return text


class _Apt:
    """apt with private state. ``lists`` is the only part of the system's state that may be used, for reading."""

    def __init__(self, home: Path, lists: Path) -> None:
        self.lists = lists
        status = home / "status"
        for directory in (home / "lists/partial", home / "cache/archives/partial"):
            directory.mkdir(parents=True, exist_ok=True)
        status.touch()
        self.options = [
            *("-o", f"Dir::State={home}"),
            *("-o", f"Dir::State::lists={lists}"),
            *("-o", f"Dir::State::status={status}"),
            *("-o", f"Dir::Cache={home / 'cache'}"),
            *("-o", "APT::Install-Recommends=false"),
            *("-o", "APT::Install-Suggests=false"),
            *("-o", "Acquire::ForceHash=SHA256"),
            *("-o", "Acquire::Retries=2"),
            # The private directories are this user's alone: apt's own user could not read them.
            *("-o", "APT::Sandbox::User="),
        ]

    def update(self) -> None:
        get = programs.need("apt-get", "apt")
        with contextlib.suppress(BuildError):
            # One source that fails does not matter if the others have the packages; the resolver will tell.
            programs.run([get, *self.options, "-q", "update"], "apt-get update")
        (self.lists / ".updated").touch()

    def resolve(self, requests: Sequence[str]) -> list[Package]:
        get = programs.need("apt-get", "apt")
        options = [*self.options, *("-o", "Debug::NoLocking=1"), "-qq", "-y", "--print-uris"]
        text = programs.run(
            [get, *options, "install", "--", *requests], f"Debian packages {' '.join(requests)}", hint=_LOOK
        )
        debs = paths.cache_home() / "debs"
        packages = []
        for line in text.splitlines():
            match = _URI_LINE.match(line)
            if match is None:
                raise BuildError(f"apt-get answered with something unexpected: {line[:120]!r}")
            uri, filename, size, sha256 = match.groups()
            name, version, _ = unquote(filename).removesuffix(".deb").split("_", 2)
            packages.append(Package(name, version, uri, int(size), sha256, debs / f"{sha256}.deb"))
        # By name, so that the image does not depend on apt's order of installation.
        return sorted(packages, key=lambda package: (package.name, package.version))


def closure(requests: Sequence[str], progress: Progress) -> list[Package]:
    """The packages and all that they depend on, downloaded, sorted by name."""
    wanted = sorted({check_request(item) for item in requests})
    if not wanted:
        return []
    if shutil.which("apt-get") is None or not _HELPER.exists():
        raise HostError("apt is missing: images from Debian packages are built on Debian 12 or its like")
    home = paths.cache_home() / "apt"
    home.mkdir(exist_ok=True)
    age = _age(_SYSTEM_LISTS)
    with open(home / "lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if age is not None:
            apt = _Apt(home, _SYSTEM_LISTS)
            progress(Step("resolving packages", " ".join(wanted)))
            try:
                packages = apt.resolve(wanted)
                fetch(packages, progress)
                return packages
            except BuildError as error:
                # An unknown package is most likely a mistake, but old lists may point at what is no longer there.
                if isinstance(error, StoreFull) or ("Unable to locate" in str(error) and age < _FRESH):
                    raise
        apt = _Apt(home, home / "lists")
        updated = home / "lists" / ".updated"
        if not updated.exists() or time.time() - updated.stat().st_mtime > 3600:
            progress(Step("updating package lists"))
            apt.update()
        progress(Step("resolving packages", " ".join(wanted)))
        packages = apt.resolve(wanted)
        fetch(packages, progress)
        return packages


def _age(lists: Path) -> float | None:
    """Seconds since the newest package list was got, or None if there is none."""
    try:
        times = [entry.stat().st_mtime for entry in lists.iterdir() if "_Packages" in entry.name]
    except OSError:
        return None
    return time.time() - max(times) if times else None


def fetch(packages: Sequence[Package], progress: Progress) -> None:
    """Downloads what is not in the cache yet; apt checks the digests."""
    missing = [package for package in packages if not package.is_whole()]
    total = sum(package.size for package in missing)
    done = 0
    if not missing:
        return
    debs = missing[0].path.parent
    debs.mkdir(exist_ok=True)
    for leftover in debs.glob(".fetch-*"):  # of a killed build: the caller holds the lock
        shutil.rmtree(leftover, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=debs) as scratch:
        home = Path(scratch)
        (home / "partial").mkdir()
        for start in range(0, len(missing), _BATCH):
            batch = missing[start : start + _BATCH]
            progress(Step("downloading packages", batch[0].name, done, total))
            triples = [
                item for package in batch for item in (package.uri, home / package.sha256, f"SHA256:{package.sha256}")
            ]
            options = [*("-o", f"Dir::Cache={home}"), *("-o", "APT::Sandbox::User="), *("-o", "Acquire::Retries=2")]
            programs.run(
                [_HELPER, *options, "-q", "download-file", *triples], "a Debian package could not be downloaded"
            )
            for package in batch:
                file = home / package.sha256
                if file.is_symlink():  # a local repository: apt points at the file instead of copying it
                    copy = home / f"{package.sha256}.copy"
                    shutil.copyfile(file, copy)
                    file = copy
                os.replace(file, package.path)
                done += package.size
    progress(Step("downloading packages", "", total, total))
