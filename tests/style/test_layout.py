"""The rules of the tree's layout: who may depend on whom, how long a file may be, what no file may hold."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# crate → (crates of the workspace, crates of others) that it may depend on.
CRATES = {
    "abi": (set[str](), set[str]()),
    "kcore": ({"abi"}, {"rand_chacha"}),
    "keeper": ({"abi", "kcore"}, {"libc", "seccompiler"}),
    "kernel": ({"abi", "kcore"}, {"talc", "lock_api"}),
    "memory": ({"abi"}, {"libc", "thiserror", "vm-memory"}),
    "kvm": (set[str](), {"kvm-bindings", "kvm-ioctls", "libc", "thiserror", "vmm-sys-util"}),
    "vmm": ({"abi", "keeper", "kvm", "memory"}, None),
}
# Only `kvm` talks to KVM, only `memory` touches guest bytes.
CONFINED = {"kvm-ioctls": "kvm", "kvm-bindings": "kvm", "vm-memory": "memory"}

# Each part of the Python package may import those before it and those beside it.
PYTHON = [
    {"errors"},
    {"paths"},
    {"image"},
    {"registry"},
    {"launch", "result", "streams", "conversation", "process", "usage", "vm", "cloning", "template", "api"},
    {"aio"},
    {"doctor"},
    {"demo"},
    {"bench"},
    {"cli"},
    {"__main__"},
]

MAX_LINES = 600
LONGER = dict[str, int]()  # file → its own limit, with a reason

# What would tie the tree to the machine on which it was written.
MACHINE = re.compile(r"/work/(main|shared)\b|/home/[a-z]+/|/root/\.|\.pyenv\b|/opt/wheels|/tmp/target-")
UNFINISHED = re.compile(r"\b(TODO|FIXME)\b|\btodo!\(|\bunimplemented!\(")


def committed(*suffixes: str) -> list[Path]:
    """The files of the repository (in a tree without git: all that are not products)."""
    try:
        text = subprocess.run(
            ["git", "-C", str(ROOT), "-c", f"safe.directory={ROOT}", "ls-files", "-z"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        files = [ROOT / name for name in text.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        products = {"target", ".venv", "__pycache__", "_bin", ".git"}
        files = [path for path in ROOT.rglob("*") if path.is_file() and not products & set(path.parts)]
    return [path for path in files if path.is_file() and (not suffixes or path.suffix in suffixes)]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def dependencies(crate: str) -> set[str]:
    document = tomllib.loads((ROOT / "crates" / crate / "Cargo.toml").read_text())
    tables = [document, *document.get("target", {}).values()]
    found: set[str] = set()
    for table in tables:
        for key, value in table.get("dependencies", {}).items():
            found.add(value.get("package", key) if isinstance(value, dict) else key)
    return found


def test_every_crate_is_listed() -> None:
    assert {path.parent.name for path in ROOT.glob("crates/*/Cargo.toml")} == set(CRATES)


@pytest.mark.parametrize("crate", CRATES)
def test_crate_depends_on_what_it_may(crate: str) -> None:
    own, others = CRATES[crate]
    found = dependencies(crate)
    assert {item.removeprefix("ramet-") for item in found if item.startswith("ramet-")} <= own
    external = {item for item in found if not item.startswith("ramet-")}
    if others is not None:
        assert external <= others
    for dependency, home in CONFINED.items():
        assert dependency not in external or crate == home, f"{dependency} belongs to crates/{home} alone"


def python_rank(module: str) -> int | None:
    part = module.split(".")[1] if "." in module else ""
    return next((rank for rank, parts in enumerate(PYTHON) if part in parts), None)


def imported(tree: ast.AST, package: str) -> set[str]:
    """Modules of the package that the code imports, wherever in it, but for type checkers only."""
    found: set[str] = set()
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            pending += node.orelse
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        pending += ast.iter_child_nodes(node)
    return {item for item in found if item.startswith(f"{package}.")}


def test_python_imports_go_one_way() -> None:
    package = ROOT / "python" / "ramet"
    wrong = []
    for path in sorted(package.rglob("*.py")):
        module = "ramet." + path.relative_to(package).with_suffix("").as_posix().replace("/", ".")
        if module == "ramet.__init__":
            continue  # re-exports
        rank = python_rank(module)
        assert rank is not None, f"{name(path)} has no place in PYTHON: give it one"
        for target in imported(ast.parse(path.read_text()), "ramet"):
            other = python_rank(target)
            if other is not None and other > rank:
                wrong.append(f"{module} imports {target}")
    assert not wrong


def test_finding_an_image_loads_little() -> None:
    """`ramet run` does it, and has a budget of milliseconds."""
    script = "import sys, ramet.image; ramet.image.Store; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True)
    heavy = {"dataclasses", "typing", "hashlib", "shutil", "tempfile", "subprocess", "tarfile"}
    assert not (heavy | {"ramet.image.builder", "ramet.image.tarball"}) & set(done.stdout.split())


def test_no_file_is_too_long() -> None:
    long = {}
    for path in committed(".rs", ".py", ".c", ".h", ".S", ".sh"):
        lines = len(path.read_text(errors="replace").splitlines())
        if lines > LONGER.get(name(path), MAX_LINES):
            long[name(path)] = lines
    assert not long


UNSAFE = re.compile(r"\bunsafe\s*(\{|impl\b)")


def test_every_unsafe_block_says_why() -> None:
    """Clippy denies undocumented blocks; this also sees macros, and code that the host's build leaves out."""
    bare = []
    for path in committed(".rs"):
        lines = path.read_text().splitlines()
        for index, line in enumerate(lines):
            code = line.split("//", 1)[0]
            if UNSAFE.search(code) and "SAFETY" not in "\n".join(lines[max(0, index - 12) : index + 2]):
                bare.append(f"{name(path)}:{index + 1}")
    assert not bare


def test_nothing_names_the_machine_it_was_written_on() -> None:
    wrong = []
    for path in committed():
        if path == Path(__file__):
            continue
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        wrong += [f"{name(path)}: {match[0]}" for match in MACHINE.finditer(text)]
    assert not wrong


def test_nothing_is_left_for_later() -> None:
    wrong = []
    for path in committed(".rs", ".py", ".c", ".h", ".md", ".toml"):
        if path != Path(__file__):
            wrong += [f"{name(path)}: {match[0]}" for match in UNFINISHED.finditer(path.read_text())]
    assert not wrong


def test_scripts_are_executable() -> None:
    for path in [*ROOT.glob("scripts/*"), ROOT / ".ci/run"]:
        if path.is_file() and path.read_bytes().startswith(b"#!"):
            assert path.stat().st_mode & 0o111, f"{name(path)} is not executable"


def test_the_kernel_uses_its_own_maps_and_cells() -> None:
    """The standard library's cost kilobytes each (docs/decisions/0017-small-kernel.md)."""
    forbidden = re.compile(r"\b(alloc::collections::[^;]*BTree|core::cell::[^;]*RefCell|sort_unstable|sort_by_key)")
    for path in committed(".rs"):
        name = str(path.relative_to(ROOT))
        if re.match(r"crates/(kcore|kernel)/src/", name) and not re.search(r"tests?\b|/(map|cell|sort)\.rs$", name):
            body = path.read_text().split("#[cfg(test)]")[0]
            found = [
                line for line in body.splitlines() if forbidden.search(line) and not line.lstrip().startswith("//")
            ]
            assert not found, f"{name}: {found}: crate::map, crate::cell, crate::sort"
