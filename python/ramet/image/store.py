"""The image store: content-addressed, shared by every process of the user, without a daemon.

::

    DATA/images/DIGEST/image.erofs     the file system, mapped read-only by every VM that boots from it
    DATA/images/DIGEST/meta.json       {"digest", "created", "size", "inputs", "metadata"}
    DATA/images/.build-XXXX/           a build under way; its `lock` is held by the process that builds
    DATA/images/.lock                  held while names and images are added or removed
    DATA/names/NAME                    the digest that the name means

An image appears by one rename and never changes. A name changes by one rename. A build that was killed leaves its
directory, whose lock nobody holds: the next build removes it. Running VMs keep a removed image's file alive.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import re
import time
from pathlib import Path

from ramet import paths
from ramet.errors import BuildError, ImageError, ImageNotFound, StoreFull, UsageError
from ramet.image.metadata import Metadata

# `ramet run` reads the store and has a budget of milliseconds: what only a build needs is imported by the build.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

__all__ = ["Image", "Store", "check_name", "disk_errors"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_PREFIX = re.compile(r"[0-9a-f]{4,64}")
_STAGING = ".build-"


def check_name(name: str) -> str:
    """The name, if it can be one."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no image name",
            hint="use letters, digits and . _ : -, at most 128, beginning with a letter or digit",
        )
    return name


class Image:
    """An image in the store. Not to be changed."""

    __slots__ = ("created", "digest", "erofs", "inputs", "metadata", "name", "names", "size")

    def __init__(
        self,
        *,
        name: str,
        names: tuple[str, ...],
        digest: str,
        erofs: Path,
        size: int,
        created: float,
        metadata: Metadata,
        inputs: str = "",
    ) -> None:
        self.name = name
        """The name it was found by, or its first name, or the start of its digest when it has none."""
        self.names = names
        self.digest = digest
        """SHA-256 of the file system and the metadata, in hexadecimal."""
        self.erofs = erofs
        self.size = size
        """Bytes of the file system."""
        self.created = created
        """Unix time at which it was first built here."""
        self.metadata = metadata
        self.inputs = inputs
        """What it was built from, as a digest: two builds with equal inputs give equal images."""

    def __repr__(self) -> str:
        return f"<ramet.image.Image {self.name} {self.digest[:12]}>"

    def to_json(self) -> dict[str, Any]:
        """For ``inspect`` and ``images --json``."""
        return {
            "name": self.name,
            "names": list(self.names),
            "digest": self.digest,
            "path": str(self.erofs),
            "size": self.size,
            "created": self.created,
            **self.metadata.to_json(),
        }


@contextlib.contextmanager
def disk_errors(where: Path) -> Iterator[None]:
    """A full disk is the user's to mend: says so, instead of a traceback."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreFull(
                f"no space left in {where}", hint="free some (`ramet rmi IMAGE`) or set RAMET_HOME"
            ) from error
        if error.errno == errno.EROFS or isinstance(error, PermissionError):
            raise BuildError(f"cannot write in {where}: {error.strerror}", hint="set RAMET_HOME") from error
        raise


def _settle(path: Path) -> None:
    """Writes a file to the disk and out of the page cache, which has it in small pages as it was written.

    VMs map it on 2 MiB pages: what they read comes back into the cache in such, where the file system can.
    """
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _write_atomically(path: Path, data: bytes) -> None:
    import tempfile

    handle, scratch = tempfile.mkstemp(prefix=".tmp-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(scratch, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(scratch)
        raise


class Store:
    """The images of this user (or of ``root``, a directory laid out in the same way)."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root if root is not None else paths.data_home()
        self.images = self.root / "images"
        self.names = self.root / "names"
        for directory in (self.images, self.names):
            with disk_errors(self.root):
                directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with disk_errors(self.root), open(self.images / ".lock", "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    # Reading takes no lock: everything appears and disappears by one rename.

    def _name_table(self) -> dict[str, list[str]]:
        """Digest → its names."""
        table: dict[str, list[str]] = {}
        for entry in sorted(self.names.iterdir()):
            digest = self._digest_of_name(entry.name)
            if digest is not None:
                table.setdefault(digest, []).append(entry.name)
        return table

    def _digest_of_name(self, name: str) -> str | None:
        if not _NAME.fullmatch(name):
            return None
        try:
            digest = (self.names / name).read_text().strip()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        return digest if _DIGEST.fullmatch(digest) else None

    def _load(self, digest: str, name: str | None, names: list[str]) -> Image | None:
        directory = self.images / digest
        try:
            document = json.loads((directory / "meta.json").read_bytes())
            size = (directory / "image.erofs").stat().st_size
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise ImageError(
                f"image {digest[:12]} is damaged: {error}", hint=f"ramet rmi {digest[:12]}, then build it again"
            ) from error
        if not isinstance(document, dict) or size != document.get("size"):
            raise ImageError(
                f"image {digest[:12]} is damaged: image.erofs has {size} bytes, not those it was built with",
                hint=f"ramet rmi {digest[:12]}, then build it again",
            )
        return Image(
            name=name or (names[0] if names else digest[:12]),
            names=tuple(names),
            digest=digest,
            erofs=directory / "image.erofs",
            size=size,
            created=float(document.get("created", 0)),
            metadata=Metadata.from_json(document.get("metadata", {})),
            inputs=str(document.get("inputs", "")),
        )

    def _resolve(self, ref: str) -> tuple[str, str | None]:
        """(digest, name or None) that ``ref`` means: a name, or the start of a digest."""
        digest = self._digest_of_name(ref)
        if digest is not None:
            return digest, ref
        prefix = ref.removeprefix("sha256:")
        if _PREFIX.fullmatch(prefix):
            found = [entry.name for entry in self.images.iterdir() if entry.name.startswith(prefix)]
            if len(found) > 1:
                raise ImageNotFound(f"{ref} is the start of {len(found)} images' digests", hint="give more digits")
            if found:
                return found[0], None
        raise ImageNotFound(f"no image named {ref!r}", hint="see `ramet images`; make one with `ramet build`")

    def find(self, ref: str) -> Image:
        """The image of that name or digest (its first four digits or more). Raises `ImageNotFound`."""
        digest, name = self._resolve(ref)
        names = [name] if name is not None else self._name_table().get(digest, [])
        image = self._load(digest, name, names)
        if image is None:
            raise ImageNotFound(f"image {ref!r} has been removed", hint="build it again")
        return image

    def list(self) -> list[Image]:
        """Every image, by name. Damaged ones are left out: `find` says what is wrong with one."""
        table = self._name_table()
        images = []
        for entry in self.images.iterdir():
            if _DIGEST.fullmatch(entry.name):
                with contextlib.suppress(ImageError):
                    image = self._load(entry.name, None, table.get(entry.name, []))
                    if image is not None:
                        images.append(image)
        return sorted(images, key=lambda image: (image.name, image.digest))

    def find_inputs(self, inputs: str) -> Image | None:
        """An image built from exactly these inputs."""
        return next((image for image in self.list() if inputs and image.inputs == inputs), None)

    # Changing.

    def remove(self, ref: str) -> str:
        """Removes a name, and its image when no other name means it (by digest: the image and all its names).

        Returns the digest. Raises `ImageNotFound`.
        """
        with self._locked():
            digest, name = self._resolve(ref)
            names = self._name_table().get(digest, [])
            doomed = [name] if name is not None else names
            for item in doomed:
                (self.names / item).unlink(missing_ok=True)
            if set(names) <= set(doomed):
                self._discard(self.images / digest)
        return digest

    def tag(self, digest: str, name: str) -> Image:
        """Makes ``name`` mean the image; an image that loses its last name so stays, under its digest."""
        check_name(name)
        with self._locked():
            if not (self.images / digest).is_dir():
                raise ImageNotFound(f"no image with digest {digest}")
            _write_atomically(self.names / name, digest.encode() + b"\n")
            return self.find(name)

    def put(self, staging: Path, metadata: Metadata, *, name: str | None = None, inputs: str = "") -> Image:
        """Takes ``staging/image.erofs``, from a directory that `staging` gave, into the store."""
        erofs = staging / "image.erofs"
        digest = _digest(erofs, metadata)
        if name is not None:
            check_name(name)
        document = {
            "digest": digest,
            "created": time.time(),
            "size": erofs.stat().st_size,
            "inputs": inputs,
            "metadata": metadata.to_json(),
        }
        ready = staging / "ready"
        with disk_errors(self.root):
            ready.mkdir()
            erofs.chmod(0o444)
            _settle(erofs)
            os.rename(erofs, ready / "image.erofs")
            _write_atomically(ready / "meta.json", json.dumps(document, indent=1, sort_keys=True).encode())
        with self._locked():
            target = self.images / digest
            if not self._is_whole(target):
                self._discard(target)
                os.rename(ready, target)
            elif inputs:
                _write_atomically(target / "meta.json", (ready / "meta.json").read_bytes())
            if name is not None:
                _write_atomically(self.names / name, digest.encode() + b"\n")
            return self.find(name if name is not None else digest)

    def _is_whole(self, directory: Path) -> bool:
        try:
            return self._load(directory.name, None, []) is not None
        except ImageError:
            return False

    @contextlib.contextmanager
    def staging(self) -> Iterator[Path]:
        """A directory on the store's file system for one build, gone at the end whatever happens."""
        import tempfile

        # Under the store's lock, so that nobody's `clean` sees the directory before its lock is held.
        with self._locked():
            self._clean()
            directory = Path(tempfile.mkdtemp(prefix=_STAGING, dir=self.images))
            lock = open(directory / "lock", "w")  # noqa: SIM115 -- held until the directory is gone
            fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            with disk_errors(self.root):
                yield directory
        finally:
            _remove_tree(directory)
            lock.close()

    def clean(self) -> int:
        """Removes what killed builds left; returns how many there were."""
        with self._locked():
            return self._clean()

    def _clean(self) -> int:
        count = 0
        for entry in self.images.glob(f"{_STAGING}*"):
            try:
                with open(entry / "lock", "a") as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _remove_tree(entry)
                    count += 1
            except (BlockingIOError, FileNotFoundError):
                continue
        return count

    def _discard(self, directory: Path) -> None:
        """Removes an image: first out of sight, by one rename, then from the disk."""
        import tempfile

        if directory.exists():
            doomed = Path(tempfile.mkdtemp(prefix=_STAGING, dir=self.images))
            os.rename(directory, doomed / "image")
            _remove_tree(doomed)


def _remove_tree(directory: Path) -> None:
    import shutil

    def unlock(function: Any, path: str, _error: Any) -> None:
        # Directories of the build may have been made unwritable.
        with contextlib.suppress(OSError):
            os.chmod(os.path.dirname(path), 0o700)
            os.chmod(path, 0o700)
            function(path)

    shutil.rmtree(directory, onerror=unlock)


def _digest(erofs: Path, metadata: Metadata) -> str:
    import hashlib

    with open(erofs, "rb") as stream:
        content = hashlib.file_digest(stream, "sha256").digest()
    return hashlib.sha256(b"ramet-image-1\0" + content + metadata.canonical()).hexdigest()
