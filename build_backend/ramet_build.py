"""The PEP 517 backend: maturin, with the guest kernel built first.

maturin builds one crate, the VMM. The guest kernel is another executable, for another machine model (linked at the top
of the address space, without a C library), which cargo must build on its own. Every hook that makes a wheel therefore
builds the kernel, puts it into the Python package's ``_bin`` directory as data, and hands over to maturin.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import maturin
from maturin import (
    get_requires_for_build_editable,
    get_requires_for_build_wheel,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / "python" / "ramet" / "_bin"
KERNEL = "ramet-kernel"


def build_wheel(wheel_directory: str, config_settings: Any = None, metadata_directory: str | None = None) -> str:
    build_kernel()
    return str(maturin.build_wheel(wheel_directory, config_settings, metadata_directory))


def build_editable(wheel_directory: str, config_settings: Any = None, metadata_directory: str | None = None) -> str:
    build_kernel()
    return str(maturin.build_editable(wheel_directory, config_settings, metadata_directory))


def build_sdist(sdist_directory: str, config_settings: Any = None) -> str:
    # maturin would pack the VMM's crate and what it depends on: not the kernel, without which nothing runs.
    sys.exit("ramet: there is no source distribution; install from a checkout with `pip install .`")


def build_kernel() -> Path:
    """Builds the guest kernel with cargo and leaves it, stripped, in the package."""
    cargo = shutil.which(os.environ.get("CARGO", "cargo"))
    if cargo is None:
        sys.exit("ramet: cargo is missing: install a stable Rust toolchain (https://rustup.rs)")
    # cargo says where the executable is: the target directory may be anywhere (CARGO_TARGET_DIR, config.toml).
    command = [cargo, "build", "--release", "-p", KERNEL, "--message-format=json-render-diagnostics"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit("ramet: the guest kernel did not build (cargo's messages are above)")
    built = [
        Path(message["executable"])
        for message in map(json.loads, done.stdout.splitlines())
        if message["reason"] == "compiler-artifact" and message["target"]["name"] == KERNEL and message["executable"]
    ]
    if len(built) != 1:
        sys.exit(f"ramet: cargo built {len(built)} executables named {KERNEL}, not one")
    BIN.mkdir(exist_ok=True)
    target = BIN / KERNEL
    scratch = BIN / f".{KERNEL}.{os.getpid()}"
    try:
        shutil.copyfile(built[0], scratch)
        # The debug information stays in cargo's directory, for gdb.
        strip = shutil.which("strip")
        if strip is not None:
            subprocess.run([strip, "--strip-all", str(scratch)], check=True)
        scratch.chmod(0o644)
        scratch.replace(target)
    finally:
        scratch.unlink(missing_ok=True)
    return target
