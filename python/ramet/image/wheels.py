"""pip's packages: wheels for the image's Python and C library, installed without running anything of theirs."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from email.parser import HeaderParser
from pathlib import Path

from ramet.errors import HostError, ImageSpecError
from ramet.image import programs
from ramet.image.bytecode import python_version
from ramet.image.progress import Progress, Step
from ramet.image.tree import Directory, Tree

__all__ = ["install"]

_GLIBC = re.compile(rb"GNU C Library[^\0]{0,80}release version 2\.(\d+)")
_OLDEST_GLIBC = 5  # manylinux1
_LIBC_PATHS = ("/lib/x86_64-linux-gnu/libc.so.6", "/lib64/libc.so.6", "/usr/lib/libc.so.6")
_SHEBANG = re.compile(rb"#!(/bin/sh\n'''exec' [^\n]*\n' ''\n|[^\n]*python[^\n]*\n)")


def install(tree: Tree, requirements: Sequence[str], scratch: Path, progress: Progress) -> dict[str, str]:
    """Installs the requirements, and what they depend on, into the tree; returns the versions by name."""
    for item in requirements:
        if item.startswith("-") or not item.strip():
            raise ImageSpecError(f"pip: {item!r} is not a requirement", hint="give NAME or NAME==VERSION")
    version = python_version(tree)
    if version is None:
        raise ImageSpecError("pip packages need a Python in the image", hint='add "python3" to packages')
    progress(Step("installing pip packages", " ".join(requirements)))
    site = scratch / "pip"
    options = ["--target", str(site), "--only-binary=:all:", "--no-compile", "--python-version", version]
    options += ["--implementation", "cp", "--quiet", "--no-input", "--disable-pip-version-check", "--progress-bar=off"]
    options += [f"--platform={item}" for item in _platforms(tree)]
    programs.run([*_pip(), "install", *options, "--", *requirements], f"pip packages {' '.join(requirements)}")
    debian = isinstance(tree.get(f"/usr/lib/python{version}"), Directory)
    target = f"/usr/local/lib/python{version}/{'dist' if debian else 'site'}-packages"
    interpreter = f"{'/usr' if debian else '/usr/local'}/bin/python{version}"
    installed = _normalise(site, target, interpreter.encode())
    scripts = site / "bin"
    if scripts.is_dir():
        tree.copy_in(scripts, "/usr/local/bin")
        for script in scripts.iterdir():
            script.unlink()
        scripts.rmdir()
    tree.copy_in(site, target)
    return installed


def _pip() -> list[str]:
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            command = [python, "-m", "pip"]
            if (
                subprocess.run(
                    [*command, "--version"], stdin=subprocess.DEVNULL, capture_output=True, check=False
                ).returncode
                == 0
            ):
                return command
        except OSError:
            continue
    raise HostError("pip is missing", hint="as root: apt-get install python3-pip")


def _platforms(tree: Tree) -> list[str]:
    """The platform tags of the wheels that run on the image's C library, the newest first."""
    if tree.exists("/lib/ld-musl-x86_64.so.1"):
        return ["musllinux_1_2_x86_64", "musllinux_1_1_x86_64"]
    match = next((match for path in _LIBC_PATHS if (match := _GLIBC.search(tree.read(path) or b""))), None)
    newest = int(match[1]) if match else 17
    tags = [f"manylinux_2_{minor}_x86_64" for minor in range(newest, _OLDEST_GLIBC - 1, -1)]
    return [*tags, "manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64", "linux_x86_64"]


def _normalise(site: Path, target: str, interpreter: bytes) -> dict[str, str]:
    """Takes out what depends on the host: scripts' interpreters, where a wheel was found. Returns what is installed."""
    up = os.path.relpath("/usr/local/bin", target)
    for script in sorted((site / "bin").glob("*")):
        data = script.read_bytes()
        match = _SHEBANG.match(data)
        if match is not None:
            script.write_bytes(b"#!" + interpreter + b"\n" + data[match.end() :])
    for path, _, files in os.walk(site):  # the builder's umask is not the image's
        for name in files:
            file = Path(path, name)
            file.chmod(0o755 if file.stat().st_mode & 0o100 else 0o644)
        Path(path).chmod(0o755)
    installed: dict[str, str] = {}
    for info in sorted(site.glob("*.dist-info")):
        (info / "direct_url.json").unlink(missing_ok=True)
        headers = HeaderParser().parsestr((info / "METADATA").read_text(errors="replace"))
        installed[str(headers["Name"])] = str(headers["Version"])
        record = info / "RECORD"
        if record.exists():
            record.write_text(_record(record.read_text(), site, up))
    return dict(sorted(installed.items()))


def _record(text: str, site: Path, up: str) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for row in sorted(csv.reader(text.splitlines())):
        if not row or row[0].endswith("/direct_url.json"):
            continue
        path = row[0]
        script = re.fullmatch(r"(?:\.\./)*bin/([^/]+)", path)
        if script is not None and (site / "bin" / script[1]).is_file():
            data = (site / "bin" / script[1]).read_bytes()
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            row = [f"{up}/{script[1]}", f"sha256={digest}", str(len(data))]
        writer.writerow(row)
    return out.getvalue()
