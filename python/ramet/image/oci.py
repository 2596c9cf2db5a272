"""OCI images: a layout directory, an archive of one, or what skopeo fetches from a registry.

https://github.com/opencontainers/image-spec. Every blob is checked against its digest before it is used; layers are
unpacked into the `Tree`, where no name can lead outside.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ramet.errors import BuildError, HostError, ImageSpecError
from ramet.image import programs, tarball
from ramet.image.progress import Progress, Step
from ramet.image.tree import Tree

__all__ = ["Config", "apply", "fetch"]

_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_MEMBER = re.compile(r"(\./)?(index\.json|oci-layout|blobs/sha256/[0-9a-f]{64})")
_REFERENCE = re.compile(r"(docker://)?[A-Za-z0-9][A-Za-z0-9._:/@-]*")
_MAX_DOCUMENT = 4 << 20
_MAX_LAYERS = 1000


@dataclass(frozen=True)
class Config:
    """What the image's configuration says about how to run it."""

    digest: str
    """Of the manifest."""
    env: dict[str, str]
    entrypoint: list[str]
    cmd: list[str]
    workdir: str
    user: str
    labels: dict[str, str]


def fetch(reference: str, scratch: Path, progress: Progress) -> Path:
    """The layout directory that ``reference`` means: a path, or an image of a registry."""
    path = Path(reference)
    if path.is_dir():
        return path
    layout = scratch / "oci"
    if path.is_file():
        progress(Step("reading the archive", reference))
        layout.mkdir()
        _unpack_archive(path, layout)
        return layout
    if "/" in reference and not reference.startswith("docker://") and reference[0] in "./~":
        raise ImageSpecError(f"{reference} does not exist")
    if not _REFERENCE.fullmatch(reference):
        raise ImageSpecError(f"{reference!r} is neither a path nor an image reference")
    if shutil.which("skopeo") is None:
        raise HostError(
            f"skopeo is missing: without it {reference} cannot be fetched from a registry",
            hint="as root: apt-get install skopeo; or give an OCI layout directory or archive",
        )
    progress(Step("fetching the image", reference))
    source = reference if reference.startswith("docker://") else f"docker://{reference}"
    command = [
        "skopeo",
        "copy",
        "--quiet",
        "--override-os=linux",
        "--override-arch=amd64",
        source,
        f"oci:{layout}:image",
    ]
    programs.run(command, f"{reference} could not be fetched")
    return layout


def _unpack_archive(path: Path, layout: Path) -> None:
    """Only what a layout consists of is taken out of the archive, by name."""
    (layout / "blobs/sha256").mkdir(parents=True)
    try:
        with tarfile.open(path, "r|*", tarinfo=tarball.BoundedTarInfo) as archive:
            for member in archive:
                match = _MEMBER.fullmatch(member.name)
                source = archive.extractfile(member) if match and member.isreg() else None
                if match is not None and source is not None:
                    with open(layout / match[2], "wb") as out:
                        shutil.copyfileobj(source, out, 1 << 18)
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise BuildError(f"{path} is not a whole tar archive: {error}") from error
    if not (layout / "index.json").exists():
        raise BuildError(
            f"{path} is no OCI archive: it has no index.json",
            hint="of an old `docker save`, skopeo makes one: skopeo copy docker-archive:FILE oci-archive:NEW",
        )


class _Layout:
    def __init__(self, root: Path, origin: str) -> None:
        self.root = root
        self.origin = origin

    def blob(self, descriptor: Any) -> Path:
        """The blob's path, once its content is what the descriptor says."""
        match = _DIGEST.fullmatch(str(descriptor.get("digest"))) if isinstance(descriptor, dict) else None
        if match is None:
            raise BuildError(f"{self.origin}: a descriptor has no SHA-256 digest")
        path = self.root / "blobs/sha256" / match[1]
        try:
            with open(path, "rb") as stream:
                actual = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise BuildError(f"{self.origin}: blob {match[1][:12]} is missing: {error.strerror}") from error
        if actual != match[1]:
            raise BuildError(f"{self.origin}: blob {match[1][:12]} is damaged: its digest is another")
        return path

    def document(self, path: Path) -> dict[str, Any]:
        try:
            if path.stat().st_size > _MAX_DOCUMENT:
                raise BuildError(f"{self.origin}: {path.name[:12]} is too large for a JSON document")
            document = json.loads(path.read_bytes())
        except OSError as error:
            raise BuildError(f"{self.origin} is no OCI layout: {path.name} cannot be read: {error.strerror}") from error
        except (ValueError, RecursionError) as error:
            raise BuildError(f"{self.origin}: {path.name[:12]} is no JSON: {error}") from error
        if not isinstance(document, dict):
            raise BuildError(f"{self.origin}: {path.name[:12]} is not a JSON object")
        return document

    def manifest(self) -> tuple[str, dict[str, Any]]:
        """(digest, manifest) of the image for linux/amd64."""
        document = self.document(self.root / "index.json")
        digest = ""
        for _ in range(4):
            manifests = document.get("manifests")
            if not isinstance(manifests, list):
                return digest, document
            fitting = [item for item in manifests if isinstance(item, dict) and _fits(item.get("platform"))]
            if len(fitting) != 1:
                found = "no image" if not fitting else f"{len(fitting)} images"
                raise BuildError(
                    f"{self.origin} holds {found} for linux/amd64", hint="skopeo copy makes a layout of one image"
                )
            document = self.document(self.blob(fitting[0]))
            digest = str(fitting[0]["digest"])
        raise BuildError(f"{self.origin}: the index leads from one index to the next")


def _fits(platform: Any) -> bool:
    if not isinstance(platform, dict):
        return True
    return platform.get("os") == "linux" and platform.get("architecture") == "amd64"


def apply(tree: Tree, root: Path, origin: str, progress: Progress) -> Config:
    """Unpacks the image's layers into the tree; returns its configuration."""
    layout = _Layout(root, origin)
    digest, manifest = layout.manifest()
    layers = manifest.get("layers")
    if not isinstance(layers, list) or len(layers) > _MAX_LAYERS:
        raise BuildError(f"{origin}: the manifest has no list of layers")
    config = layout.document(layout.blob(manifest.get("config")))
    architecture = config.get("architecture", "amd64")
    if architecture != "amd64":
        raise BuildError(f"{origin} is an image for {architecture}, and Ramet runs x86-64")
    for number, layer in enumerate(layers):
        progress(Step("unpacking layers", f"{number + 1} of {len(layers)}", number, len(layers)))
        with _decompressed(layout.blob(layer)) as stream:
            tarball.unpack(tree, stream, origin=f"{origin}, layer {number + 1}", layer=True)
    return _config(digest, config.get("config"))


@contextlib.contextmanager
def _decompressed(blob: Path) -> Iterator[IO[bytes]]:
    """The layer's tar stream; tarfile itself knows gzip, bzip2 and xz, but not Zstandard."""
    with open(blob, "rb") as stream:
        zstandard = stream.read(4) == b"\x28\xb5\x2f\xfd"
        stream.seek(0)
        if not zstandard:
            yield stream
            return
    command = [programs.need("zstd", "zstd"), "-dcq", os.fspath(blob)]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as child:
        assert child.stdout is not None
        try:
            yield child.stdout
            while child.stdout.read(1 << 16):
                pass
        except BaseException:
            child.kill()
            raise
    if child.returncode != 0:
        raise BuildError(f"layer {blob.name[:12]} is damaged: zstd cannot decompress it")


def _config(digest: str, document: Any) -> Config:
    source = document if isinstance(document, dict) else {}

    def strings(key: str) -> list[str]:
        value = source.get(key)
        return [str(item) for item in value] if isinstance(value, list) else []

    env = dict(item.split("=", 1) for item in strings("Env") if "=" in item and not item.startswith("="))
    labels = source.get("Labels")
    workdir = str(source.get("WorkingDir") or "/")
    return Config(
        digest=digest,
        env=env,
        entrypoint=strings("Entrypoint"),
        cmd=strings("Cmd"),
        workdir=workdir if workdir.startswith("/") else f"/{workdir}",
        user=str(source.get("User") or "0"),
        labels={str(key): str(value) for key, value in labels.items()} if isinstance(labels, dict) else {},
    )
