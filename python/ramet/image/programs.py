"""Runs the programs that the builder rests on (mkfs.erofs, apt, dpkg-deb, pip, skopeo), and explains their failures."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from ramet.errors import BuildError, HostError, StoreFull

__all__ = ["last_line", "need", "run"]

_LOGGED = re.compile(r'level=\w+ msg="(.*)"$')  # how skopeo writes
_SBIN = "/usr/sbin:/sbin"  # not on an ordinary user's PATH


def need(program: str, package: str) -> str:
    """The program's path; `HostError` says which Debian package has it."""
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:{_SBIN}")
    if found is None:
        raise HostError(f"{program} is missing", hint=f"as root: apt-get install {package}")
    return found


def last_line(text: str) -> str:
    """The line of a program's messages that says most: the last one that names an error, or the last."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("E:", "ERROR", "error", "FATA", "<E>"))]
    line = (errors or lines or ["no message"])[-1]
    logged = _LOGGED.search(line)
    if logged is not None:
        line = logged[1].replace('\\"', '"')
    return re.sub(r"^(E|ERROR|error|<E>):? ", "", line)


def run(
    command: Sequence[str | Path],
    what: str,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    hint: str | None = None,
) -> str:
    """The program's standard output. ``what`` begins the message of the `BuildError` when it fails."""
    try:
        done = subprocess.run(
            [os.fspath(item) for item in command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={**os.environ, "LC_ALL": "C.UTF-8", **(env or {})},
            cwd=cwd,
            check=False,
        )
    except OSError as error:
        raise BuildError(f"{what}: {command[0]} cannot be run: {error.strerror}") from error
    stderr = done.stderr.decode(errors="replace")
    if done.returncode != 0:
        if "No space left" in stderr or "Disk quota exceeded" in stderr:
            raise StoreFull(f"{what}: no space left", hint="free some (`ramet rmi IMAGE`) or set RAMET_HOME")
        raise BuildError(f"{what}: {last_line(stderr or done.stdout.decode(errors='replace'))}", hint=hint)
    return done.stdout.decode(errors="replace")
