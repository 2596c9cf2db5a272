"""Python in an image: bytecode made at build time, pip's wheels."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import marshal
import os
import subprocess
import sys
import types
import zipfile
from pathlib import Path

import pytest

from ramet.errors import BuildError, UsageError
from ramet.image import _compile, bytecode, guest, wheels
from ramet.image.erofs import TIMESTAMP
from ramet.image.progress import quiet
from ramet.image.tree import Regular, Tree

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
TAG = f"cpython-{VERSION.replace('.', '')}"


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    (tmp_path / "scratch").mkdir()
    return tmp_path / "scratch"


@pytest.fixture
def tree(scratch: Path) -> Tree:
    tree = Tree(scratch)
    tree.add_file(f"/usr/bin/python{VERSION}", b"", mode=0o755)
    tree.add_directory(f"/usr/lib/python{VERSION}")
    return tree


def test_compiled_modules(tree: Tree, scratch: Path) -> None:
    source = b"def f(x):\n    return x, 'constant', ('a', 1.5)\n"
    base = f"/usr/lib/python{VERSION}"
    tree.add_file(f"{base}/good.py", source)
    tree.add_file(f"{base}/bad.py", b"def (:\n")
    tree.add_symlink(f"{base}/link.py", "good.py")
    assert bytecode.compile_python(tree, scratch, quiet)
    data = tree.read(f"{base}/__pycache__/good.{TAG}.pyc")
    assert data is not None
    assert data[:4] == importlib.util.MAGIC_NUMBER and data[4:8] == b"\1\0\0\0"  # hash-based, unchecked
    assert data[8:16] == importlib.util.source_hash(source)
    code = marshal.loads(data[16:])
    assert code.co_filename == f"{base}/good.py"
    space: dict[str, object] = {}
    exec(code, space)
    function = space["f"]
    assert isinstance(function, types.FunctionType) and function(2) == (2, "constant", ("a", 1.5))
    assert tree.listdir(f"{base}/__pycache__") == [f"good.{TAG}.pyc", f"link.{TAG}.pyc"]


def test_the_guests_module_is_there(tree: Tree) -> None:
    guest.install(tree)
    source = tree.read(f"/usr/lib/python{VERSION}/ramet_guest/__init__.py")
    assert source is not None and b"/dev/ramet" in source
    assert len(guest.fingerprint()) == 64


def test_bytecode_does_not_depend_on_the_interpreters_state(tmp_path: Path) -> None:
    """Once in a fresh interpreter, once in this one, which has loaded much else and holds the same strings."""
    sources = [
        Path(importlib.util.find_spec(name).origin or "") for name in ("json.decoder", "argparse", "typing", "tarfile")
    ]  # type: ignore[union-attr]
    jobs = [(str(path), f"/usr/lib/{path.name}", str(tmp_path / path.name)) for path in sources]
    script = Path(_compile.__file__)
    subprocess.run(
        [sys.executable, "-I", str(script)], input=json.dumps(jobs).encode(), capture_output=True, check=True
    )
    held = []
    plain_differs = False
    for path, (_, target, output) in zip(sources, jobs, strict=True):
        code = compile(path.read_bytes(), target, "exec", dont_inherit=True)
        held.append(code)  # every string of it has one more owner now
        data = _compile.compile_one(path.read_bytes(), target)
        assert Path(output).read_bytes() == data
        plain_differs |= marshal.dumps(code) != data[16:]
        again = marshal.loads(data[16:])
        assert again == code and again.co_consts == code.co_consts
    assert plain_differs, "marshal is reproducible by itself: the canonical form is no longer needed"


def test_canonical_form_of_every_kind_of_constant() -> None:
    source = (
        "a = (None, True, False, ..., 1, 2**70, -2**70, 1.5, 2j, b'bytes', '\\u00e9', '\\U0001f600', 'x', '', ' ')\n"
        "def f(p, /, q=frozenset({1, 2}), *, r=()): return p in {1, 2, 3}, [*a], {**{}}, lambda: (yield)\n"
    )
    code = compile(source, "<x>", "exec")
    data = _compile.Canonical(marshal.dumps(code)).run()
    assert marshal.loads(data) == code
    assert _compile.Canonical(data).run() == data
    for wrong in (b"", b"\xff", data[:-3], data + b"N", b"r\0\0\0\0"):
        with pytest.raises((ValueError, IndexError, KeyError)):
            _compile.Canonical(wrong).run()


def test_compiled_files_of_a_layer_stay_valid(tree: Tree, scratch: Path) -> None:
    """They name their source's time and size; in the image every file has the same time."""
    data = importlib.util.MAGIC_NUMBER + bytes(4) + (12345).to_bytes(4, "little") + (3).to_bytes(4, "little") + b"code"
    tree.add_file("/app/m.py", b"a=1")
    tree.add_file("/app/__pycache__/m.cpython-399.pyc", data)
    tree.add_file("/app/stale.py", b"a=1234")
    tree.add_file("/app/__pycache__/stale.cpython-399.pyc", data)
    bytecode.compile_python(tree, scratch, quiet)
    kept = tree.read("/app/__pycache__/m.cpython-399.pyc") or b""
    assert kept[8:12] == TIMESTAMP.to_bytes(4, "little") and kept[12:] == data[12:]
    assert tree.read("/app/__pycache__/stale.cpython-399.pyc") == data


def test_without_the_images_python_the_sources_remain(scratch: Path) -> None:
    tree = Tree(scratch)
    tree.add_file("/usr/bin/python3.99", b"")
    tree.add_file("/usr/lib/python3.99/m.py", b"")
    assert bytecode.python_version(tree) == "3.99"
    assert not bytecode.compile_python(tree, scratch, quiet)
    assert tree.listdir("/usr/lib/python3.99") == ["m.py"]


def wheel(directory: Path, name: str, version: str, *, requires: str = "", tag: str = "py3-none-any") -> Path:
    """A wheel with one module and one command."""
    directory.mkdir(exist_ok=True)
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" + (
        f"Requires-Dist: {requires}\n" if requires else ""
    )
    files = {
        f"{name}.py": f"def main(): print('{name} {version}')\n",
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: {tag}\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{name}-command = {name}:main\n",
    }
    rows = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        rows.append(f"{path},sha256={digest},{len(text)}")
    files[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,", ""])
    path = directory / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in files.items():
            archive.writestr(member, text)
    return path


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """pip looks in this directory and nowhere else."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    return tmp_path / "wheels"


def test_wheels_and_their_dependencies(tree: Tree, scratch: Path, index: Path) -> None:
    wheel(index, "upper", "1.0", requires="lower>=2")
    wheel(index, "lower", "1.0")
    wheel(index, "lower", "2.1")
    installed = wheels.install(tree, ["upper"], scratch, quiet)
    assert installed == {"lower": "2.1", "upper": "1.0"}
    site = f"/usr/local/lib/python{VERSION}/dist-packages"
    assert b"lower 2.1" in (tree.read(f"{site}/lower.py") or b"")
    command = tree.read("/usr/local/bin/upper-command") or b""
    assert command.startswith(f"#!/usr/bin/python{VERSION}\n".encode())
    script = tree.get("/usr/local/bin/upper-command")
    assert isinstance(script, Regular) and script.mode == 0o755
    record = (tree.read(f"{site}/upper-1.0.dist-info/RECORD") or b"").decode()
    digest = base64.urlsafe_b64encode(hashlib.sha256(command).digest()).rstrip(b"=").decode()
    assert f"../../../bin/upper-command,sha256={digest},{len(command)}" in record
    assert b"/" not in os.fsencode(tree.listdir(site)[0])
    everything = b"".join(node.content.read_bytes() for _, node in tree.walk("/usr/local") if isinstance(node, Regular))
    assert os.fsencode(sys.prefix) not in everything and os.fsencode(scratch) not in everything


def test_equal_wheels_give_equal_trees(tmp_path: Path, index: Path) -> None:
    path = wheel(index, "upper", "1.0")
    prints = set()
    for number, request in enumerate(("upper", str(path))):
        os.umask((0o022, 0o077)[number])
        scratch = tmp_path / f"tree{number}"
        scratch.mkdir()
        tree = Tree(scratch)
        tree.add_file(f"/usr/bin/python{VERSION}", b"")
        wheels.install(tree, [request], scratch, quiet)
        tree.remove(f"/usr/local/lib/python{VERSION}/site-packages/upper-1.0.dist-info/REQUESTED")
        prints.add(tree.fingerprint())
    os.umask(0o022)
    assert len(prints) == 1


def test_platforms_follow_the_images_c_library(tree: Tree) -> None:
    assert wheels._platforms(tree)[0] == "manylinux_2_17_x86_64"
    tree.add_file(
        "/lib/x86_64-linux-gnu/libc.so.6", b"\0GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36.\n\0"
    )
    assert wheels._platforms(tree)[0] == "manylinux_2_36_x86_64"
    tree.add_file("/lib/ld-musl-x86_64.so.1", b"")
    assert all(item.startswith("musllinux") for item in wheels._platforms(tree))


def test_what_pip_cannot_give(tree: Tree, scratch: Path, index: Path) -> None:
    wheel(index, "other", "1.0", tag="cp399-cp399-manylinux_2_99_x86_64")
    for name in ("absent", "other"):
        with pytest.raises(BuildError, match=name):
            wheels.install(tree, [name], scratch, quiet)
    with pytest.raises(UsageError, match="not a requirement"):
        wheels.install(tree, ["--index-url=http://elsewhere"], scratch, quiet)
