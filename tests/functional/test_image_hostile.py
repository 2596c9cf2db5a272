"""Made-up and damaged input to the image builder ends in one of Ramet's errors, never in another exception."""

from __future__ import annotations

import contextlib
import io
import json
import random
import shutil
import stat
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ramet.errors import RametError
from ramet.image import erofs, oci, tarball
from ramet.image.progress import quiet
from ramet.image.tree import Directory, Regular, Symlink, Tree

BOUNDED = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
FEW = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


@pytest.fixture
def scratch() -> Iterator[Path]:
    yield (path := Path(tempfile.mkdtemp()))
    shutil.rmtree(path)


def fresh(scratch: Path) -> Tree:
    return Tree(Path(tempfile.mkdtemp(dir=scratch)))


NAMES = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=12).filter(
    lambda name: name not in (".", "..")
)
LEAVES = st.binary(max_size=9000) | st.text(alphabet="abc/.", min_size=1, max_size=40)
TREES = st.recursive(LEAVES, lambda children: st.dictionaries(NAMES, children, max_size=6), max_leaves=25)


def fill(tree: Tree, content: Any, path: str = "") -> None:
    if isinstance(content, bytes):
        tree.add_file(path, content, mode=len(content) & 0o7777, uid=len(content), gid=7)
    elif isinstance(content, str):
        tree.add_symlink(path, content)
    else:
        tree.add_directory(path or "/", mode=0o750)
        for name, child in content.items():
            fill(tree, child, f"{path}/{name}")


@FEW
@given(content=st.dictionaries(NAMES, TREES, max_size=8))
def test_every_tree_reads_back(content: dict[str, Any], scratch: Path) -> None:
    tree = fresh(scratch)
    fill(tree, content)
    expected = {}
    for path, node in tree.walk():
        data = node.content.read_bytes() if isinstance(node, Regular) else None
        target = node.target.encode() if isinstance(node, Symlink) else None
        expected[path] = (node.mode, node.uid, node.gid, data if data is not None else target)
    where = Path(tempfile.mkdtemp(dir=scratch))
    erofs.make(tree, where / "image", where)
    reader = erofs.Reader((where / "image").read_bytes())
    found = {}
    for path, inode in reader.walk():
        data = None if stat.S_ISDIR(inode.mode) else reader.read(inode)
        found[path] = (stat.S_IMODE(inode.mode), inode.uid, inode.gid, data)
    assert found == expected


@pytest.fixture
def image(scratch: Path) -> Path:
    tree = fresh(scratch)
    fill(
        tree,
        {"d": {f"name{number}": b"x" * number * 50 for number in range(60)}, "l": "target", "e": {"f": {"g": b""}}},
    )
    erofs.make(tree, scratch / "image", scratch)
    return scratch / "image"


@BOUNDED
@given(seed=st.integers(0, 2**32))
def test_damaged_file_systems(image: Path, seed: int) -> None:
    chance = random.Random(seed)
    data = bytearray(image.read_bytes())
    for _ in range(chance.randrange(1, 30)):
        data[chance.randrange(1024, min(len(data), 12000))] = chance.randrange(256)
    if chance.random() < 0.2:
        del data[chance.randrange(len(data)) :]
    try:
        reader = erofs.Reader(bytes(data))
        for _, inode in reader.walk():
            reader.read(inode)
    except RametError:
        pass


def sample_archive(form: int) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, kind, target in (
            ("d", tarfile.DIRTYPE, ""),
            ("d/" + "long" * 40, tarfile.REGTYPE, ""),
            ("d/é", tarfile.REGTYPE, ""),
            ("l", tarfile.SYMTYPE, "d" * 120),
            ("h", tarfile.LNKTYPE, "d/é"),
            ("d/.wh.x", tarfile.REGTYPE, ""),
            ("p", tarfile.FIFOTYPE, ""),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.uid = kind, target, 70000
            info.size = 600 if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(bytes(600)))
    return out.getvalue()


@BOUNDED
@given(seed=st.integers(0, 2**32), layer=st.booleans())
def test_damaged_archives(scratch: Path, seed: int, layer: bool) -> None:
    chance = random.Random(seed)
    data = bytearray(sample_archive(chance.choice([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])))
    for _ in range(chance.randrange(1, 6)):
        block = chance.randrange(len(data) // 512) * 512
        where = block + chance.choice(
            [chance.randrange(512), 0, 124 + chance.randrange(12), 156, 157 + chance.randrange(20)]
        )
        data[where] = chance.choice([0, 46, 47, 48, 49, 50, 53, 55, 76, 83, 120, 128, 255, chance.randrange(256)])
        if chance.random() < 0.9:  # a checksum that is right again, so that the rest is looked at
            data[block + 148 : block + 156] = b" " * 8
            data[block + 148 : block + 156] = b"%06o\0 " % sum(data[block : block + 512])
    tree = fresh(scratch)
    try:
        tarball.unpack(tree, io.BytesIO(bytes(data)), origin="damaged", layer=layer)
    except RametError:
        return
    # What was unpacked can be written.
    assert isinstance(tree.root, Directory)
    tree.fingerprint()


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=10)
    | st.sampled_from(["sha256:" + "0" * 64]),
    lambda children: (
        st.lists(children, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "manifests",
                    "layers",
                    "config",
                    "digest",
                    "platform",
                    "os",
                    "Env",
                    "Labels",
                    "User",
                    "Cmd",
                    "architecture",
                ]
            ),
            children,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@BOUNDED
@given(document=JSON)
def test_made_up_oci_documents(scratch: Path, document: Any) -> None:
    root = Path(tempfile.mkdtemp(dir=scratch))
    (root / "blobs/sha256").mkdir(parents=True)
    (root / "index.json").write_text(json.dumps(document))
    with contextlib.suppress(RametError):
        oci.apply(fresh(scratch), root, "made up", quiet)


@BOUNDED
@given(document=JSON)
def test_made_up_oci_configurations(document: Any) -> None:
    config = oci._config("sha256:x", document)
    assert config.workdir.startswith("/") and all(isinstance(item, str) for item in [*config.cmd, *config.entrypoint])
