"""What Ramet is measured beside: the image's files as a native process in a chroot, in gVisor, in a crun container."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ramet import paths
from ramet.errors import HostError

__all__ = ["Crun", "Gvisor", "Native"]

GVISOR = "gvisor.dev/gvisor/runsc"
GVISOR_VERSION = "v0.0.0-20260122175437-89a5d21be8f0"
PATH = "PATH=/usr/local/bin:/usr/bin:/bin"


def run(command: Sequence[str | Path], *, timeout: float) -> str:
    """Standard output of a command that must succeed."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout, env={"PATH": os.environ.get("PATH", "")}
        )
    except FileNotFoundError as error:
        raise HostError(f"{command[0]} is missing") from error
    if done.returncode:
        raise HostError(f"{Path(command[0]).name} ended with status {done.returncode}: {done.stderr.strip()[-300:]}")
    return done.stdout


class Native:
    """A process of the host whose root directory is the image's files, with a memory file system as /tmp."""

    name = "native"

    def run(self, root: Path, args: Sequence[str], *, timeout: float) -> str:
        """What the program prints."""
        for directory in ("dev", "proc", "tmp"):
            (root / directory).mkdir(exist_ok=True)
        script = (
            'mount -t tmpfs none "$0/tmp" && mount --rbind /dev "$0/dev" && mount --rbind /proc "$0/proc" && '
            'exec chroot "$0" /usr/bin/env -i "$@"'
            if (root / "usr/bin/env").exists()
            else 'mount -t tmpfs none "$0/tmp" && exec chroot "$0" "$@"'
        )
        words = [PATH, *args] if (root / "usr/bin/env").exists() else [*args]
        return run([*_private_mounts(), "sh", "-c", script, root, *words], timeout=timeout)


# So many of a command at once, each with a name of its own: its arguments are the command, without that.
_TOGETHER = 'for i in $(seq $COUNT); do "$0" "$@" bench-$$-$i & done; wait'


def _at_once(command: Sequence[str | Path], count: int, *, timeout: float) -> float:
    start = time.perf_counter()
    environment = {"PATH": os.environ.get("PATH", ""), "COUNT": str(count)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=environment)
    took = time.perf_counter() - start
    if len(done.stdout.splitlines()) != count:
        raise HostError(f"{done.stdout.count(chr(10))} of {count} answered: {done.stderr.strip()[-300:]}")
    return took


def _private_mounts() -> list[str]:
    """unshare(1) of the mounts, as whoever runs the benchmark."""
    return ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]


def _bundle(directory: Path, root: Path, args: Sequence[str]) -> Path:
    """An OCI bundle of the image's files."""
    directory.mkdir(parents=True, exist_ok=True)
    config: dict[str, Any] = {
        "ociVersion": "1.0.2",
        "process": {"user": {"uid": 0, "gid": 0}, "args": list(args), "env": [PATH], "cwd": "/"},
        "root": {"path": str(root), "readonly": False},
        "hostname": "bench",
        "mounts": [
            {"destination": f"/{name}", "type": "proc" if name == "proc" else "tmpfs", "source": name}
            for name in ("proc", "dev", "tmp")
        ],
        "linux": {"namespaces": [{"type": name} for name in ("pid", "mount", "ipc", "uts")]},
    }
    (directory / "config.json").write_text(json.dumps(config))
    return directory


class Gvisor:
    """One sandbox of gVisor's, on its systrap platform, for each run."""

    name = "gVisor"

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._runsc: Path | None = None

    def runsc(self) -> Path:
        """The runtime, built from the Go module proxy if it is not there yet; ``RAMET_RUNSC`` names another one."""
        if self._runsc is None:
            named = os.environ.get("RAMET_RUNSC")
            self._runsc = Path(named) if named else _build()
        return self._runsc

    def run(self, root: Path, args: Sequence[str], *, timeout: float) -> str:
        """What the program prints."""
        return run([*self._command(root, args), f"bench-{os.getpid()}"], timeout=timeout)

    def at_once(self, root: Path, args: Sequence[str], count: int, *, timeout: float) -> float:
        """Seconds until so many sandboxes, started together, have answered with a line and ended."""
        return _at_once(["sh", "-c", _TOGETHER, *self._command(root, args)], count, timeout=timeout)

    def _command(self, root: Path, args: Sequence[str]) -> list[str | Path]:
        bundle = _bundle(self._scratch / "gvisor", root, args)
        command: list[str | Path] = [self.runsc(), "--platform=systrap", "--network=none", "--ignore-cgroups"]
        if os.geteuid() != 0:
            command.append("--rootless")
        return [*command, f"--root={self._scratch / 'gvisor-state'}", "run", f"--bundle={bundle}"]


def _build() -> Path:
    """``runsc`` in the cache directory."""
    target = paths.cache_home() / "gvisor" / GVISOR_VERSION
    runsc = target / "runsc"
    if runsc.exists():
        return runsc
    go = shutil.which("go")
    if go is None:
        raise HostError("gVisor is not measured: Go is not here to build it", hint="install Go, or set RAMET_RUNSC")
    target.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "CGO_ENABLED": "0", "GOBIN": str(target)}
    environment["GOFLAGS"] = "-buildvcs=false"
    done = subprocess.run(
        [go, "install", f"{GVISOR}@{GVISOR_VERSION}"], env=environment, capture_output=True, text=True, timeout=3600
    )
    if done.returncode or not runsc.exists():
        raise HostError(f"gVisor is not measured: it does not build: {done.stderr.strip()[-300:]}")
    return runsc


class Crun:
    """One container for each command."""

    name = "crun run"

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch

    def times(self, spawner: Path, root: Path, args: Sequence[str], count: int, *, timeout: float) -> str:
        """What ``spawner COUNT crun run ...`` prints."""
        return run(
            self._inside([spawner, str(count), *self._command(root, args), f"bench-{os.getpid()}"]), timeout=timeout
        )

    def at_once(self, root: Path, args: Sequence[str], count: int, *, timeout: float) -> float:
        """Seconds until so many containers, started together, have answered with a line and ended."""
        return _at_once(self._inside(["sh", "-c", _TOGETHER, *self._command(root, args)]), count, timeout=timeout)

    def _inside(self, command: Sequence[str | Path]) -> list[str | Path]:
        # crun refuses hosts with both versions of cgroups; it uses none of them here.
        script = "umount -R -l /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup && exec " + '"$0" "$@"'
        return [*_private_mounts(), "sh", "-c", script, *command]

    def _command(self, root: Path, args: Sequence[str]) -> list[str | Path]:
        crun = shutil.which("crun")
        if crun is None:
            raise HostError("crun is not measured: it is missing", hint="apt-get install crun")
        if os.geteuid() != 0:
            raise HostError("crun is not measured: its bundle is root's")
        bundle = _bundle(self._scratch / "crun", root, args)
        command: list[str | Path] = [crun, f"--root={self._scratch / 'crun-state'}", "--cgroup-manager=disabled", "run"]
        return [*command, f"--bundle={bundle}"]
