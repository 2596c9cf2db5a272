"""Byte-compiles the Python in an image at build time.

Debian's packages compile when they are installed, and a VM cannot write to its image: without this every start would
compile every module again. The files are "unchecked hash-based" ones, which Python believes without looking at the
source's time. They are made by a Python of the host with the image's version; without one the image works, slower.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from ramet.errors import BuildError
from ramet.image import programs
from ramet.image.erofs import TIMESTAMP
from ramet.image.progress import Progress, Step
from ramet.image.tree import Directory, Regular, Tree

__all__ = ["compile_python", "python_version"]

_PYTHON = re.compile(r"python3\.(\d+)")
_BINARIES = ("/usr/bin", "/usr/local/bin")
_WORKERS = min(4, os.cpu_count() or 1)


def python_version(tree: Tree) -> str | None:
    """``3.11`` if the image's Python is of that version; None without one."""
    found = [
        int(match[1])
        for directory in _BINARIES
        for name in tree.listdir(directory)
        if (match := _PYTHON.fullmatch(name)) and tree.exists(f"{directory}/{name}")
    ]
    return f"3.{max(found)}" if found else None


def _host_python(version: str) -> str | None:
    if f"{sys.version_info.major}.{sys.version_info.minor}" == version and sys.implementation.name == "cpython":
        return sys.executable
    candidates = [shutil.which(f"python{version}"), f"/usr/bin/python{version}"]
    return next((item for item in candidates if item and _runs(item, version)), None)


def _runs(python: str, version: str) -> bool:
    command = [python, "-I", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and done.stdout.strip() == version


def compile_python(tree: Tree, scratch: Path, progress: Progress) -> bool:
    """Compiles what is on the image's module path. False if that needs a Python which this host does not have."""
    _keep_valid(tree)
    version = python_version(tree)
    if version is None:
        return True
    python = _host_python(version)
    if python is None:
        progress(Step("compiling Python", f"left out: this host has no Python {version}"))
        return False
    tag = f"cpython-{version.replace('.', '')}"
    jobs: dict[str, tuple[Regular, str]] = {}
    output = scratch / "bytecode"
    output.mkdir()
    work: list[tuple[str, str, str]] = []
    for base in (f"/usr/lib/python{version}", "/usr/lib/python3", f"/usr/local/lib/python{version}"):
        if not isinstance(tree.get(base), Directory):
            continue
        for path, _ in list(tree.walk(base)):
            node = tree.get(path) if path.endswith(".py") else None
            if isinstance(node, Regular):
                target = str(output / str(len(work)))
                directory, name = os.path.split(path.removesuffix(".py"))
                jobs[target] = (node, f"{directory}/__pycache__/{name}.{tag}.pyc")
                work.append((str(node.content), path, target))
    if not work:
        return True
    progress(Step("compiling Python", f"{len(work)} modules"))
    for target in _compile_all(python, work):
        node, path = jobs[target]
        tree.make_directory(os.path.dirname(path))
        with open(target, "rb") as stream:
            tree.add_file(path, stream, uid=node.uid, gid=node.gid)
    shutil.rmtree(output)
    return True


def _compile_all(python: str, work: list[tuple[str, str, str]]) -> list[str]:
    script = Path(__file__).with_name("_compile.py")
    # The loader's paths, the user's site and PYTHON* variables must not change what is written.
    command = [python, "-I", "-S", str(script)]
    env = {"PATH": "/usr/bin:/bin", "PYTHONHASHSEED": "0"}
    shares = [share for share in (work[index::_WORKERS] for index in range(_WORKERS)) if share]
    children = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
        for _ in shares
    ]
    try:
        for child, share in zip(children, shares, strict=True):
            assert child.stdin is not None
            child.stdin.write(json.dumps(share).encode())
            child.stdin.close()
            child.stdin = None
        written: list[str] = []
        for child in children:
            out, err = child.communicate()
            if child.returncode != 0:
                raise BuildError(
                    f"Python's modules could not be compiled: {programs.last_line(err.decode(errors='replace'))}"
                )
            written += json.loads(out)
    finally:
        for child in children:
            if child.poll() is None:
                child.kill()
                child.wait()
    return sorted(written, key=lambda path: int(os.path.basename(path)))


def _keep_valid(tree: Tree) -> None:
    """Compiled files of a layer name their source's time, which every file of an image has the same: adapt them."""
    for path, node in list(tree.walk()):
        if not isinstance(node, Regular) or not path.endswith(".pyc") or "/__pycache__/" not in path:
            continue
        directory, name = os.path.split(path)
        source = tree.get(f"{os.path.dirname(directory)}/{name.split('.')[0]}.py")
        data = node.content.read_bytes()
        if isinstance(source, Regular) and len(data) > 16 and data[4:8] == bytes(4):
            fields = TIMESTAMP.to_bytes(4, "little") + (source.size & 0xFFFFFFFF).to_bytes(4, "little")
            if data[8:16] != fields and data[12:16] == fields[4:]:
                tree.add_file(path, data[:8] + fields + data[16:], mode=node.mode, uid=node.uid, gid=node.gid)
