"""What the figures share: guest programs, images, and ways to run the same thing in a VM and natively."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import ramet
from ramet import registry
from ramet.bench.baselines import Crun, Gvisor, Native
from ramet.bench.project import PROJECT, write_project
from ramet.errors import HostError
from ramet.image import Image, Spec, Store, build
from ramet.image.spec import CopySource
from ramet.launch import prepare

__all__ = ["Context"]


class Context:
    """One run of the benchmarks; its files are gone at the end."""

    def __init__(self, directory: Path, *, quick: bool) -> None:
        self.sources = directory / "guests"
        self.quick = quick
        self.scratch = Path(tempfile.mkdtemp(prefix="ramet-bench-"))
        self.notes: list[str] = []
        """What could not be measured beside Ramet, and why."""
        self._programs: Image | None = None
        self._tools: Image | None = None
        self._gvisor = Gvisor(self.scratch)
        self._roots: dict[str, Path] = {}
        self._clock: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        shutil.rmtree(self.scratch, ignore_errors=True)

    def count(self, full: int, quick: int) -> int:
        """How many repetitions."""
        return quick if self.quick else full

    # Programs

    def compile(self, name: str, *options: str) -> Path:
        """A C program of ``benchmarks/guests``, static unless the options say otherwise."""
        target = self.scratch / "bin" / Path(name).stem
        if not target.exists():
            target.parent.mkdir(exist_ok=True)
            command: list[str | Path] = [
                "gcc",
                "-O2",
                "-Wall",
                "-o",
                target,
                self.sources / name,
                *(options or ("-static", "-pthread")),
            ]
            try:
                done = subprocess.run(command, capture_output=True, text=True)
            except FileNotFoundError as error:
                raise HostError("gcc is missing", hint="apt-get install gcc libc6-dev") from error
            if done.returncode:
                raise HostError(f"gcc cannot compile {name}: {done.stderr.strip().splitlines()[0]}")
        return target

    def programs(self) -> Image:
        """An image with the C programs, each as ``/bench/NAME``."""
        if self._programs is None:
            spec = Spec(
                name="bench",
                files=self._compiled(),
                cmd=["/bench/hello"],
                memory=128 << 20,
            )
            self._programs = build(spec, store=Store(self.home()))
        return self._programs

    def _compiled(self) -> list[CopySource]:
        paths = [
            self.compile(source.name, *_OPTIONS.get(source.name, ()))
            for source in sorted(self.sources.glob("*.c"))
            if source.name not in _HOST_ONLY
        ]
        return [CopySource(path, f"/bench/{path.name}") for path in paths]

    def tools(self) -> Image:
        """An image with bash, coreutils, make and gcc from Debian, the C programs, and a project to make."""
        if self._tools is None:
            project = write_project(self.scratch / "project")
            spec = Spec(
                name="bench-tools",
                packages=["bash", "coreutils", "gcc", "libc6-dev", "make"],
                files=[*self._compiled(), CopySource(project, PROJECT)],
                cmd=["bash"],
                memory=256 << 20,
            )
            self._tools = build(spec, store=Store(self.home()))
        return self._tools

    def home(self) -> Path:
        """A RAMET_HOME for this run."""
        path = self.scratch / "home"
        path.mkdir(exist_ok=True)
        return path

    def python(self) -> Image:
        """The image of Debian's Python, built if it is not there."""
        from ramet.demo import python_image

        return python_image()

    def root(self, image: Image) -> Path:
        """The image's files on the host, so that a native process can run the same program."""
        if image.digest not in self._roots:
            target = self.scratch / f"root-{image.digest[:12]}"
            command: list[str | Path] = [
                "fsck.erofs",
                f"--extract={target}",
                "--no-preserve-owner",
                "--preserve-perms",
                image.erofs,
            ]
            try:
                done = subprocess.run(command, capture_output=True, text=True)
            except FileNotFoundError as error:
                raise HostError("fsck.erofs is missing", hint="apt-get install erofs-utils") from error
            if done.returncode:
                raise HostError(f"fsck.erofs cannot extract the image: {done.stderr.strip()}")
            self._roots[image.digest] = target
        return self._roots[image.digest]

    # Running

    def run(self, image: Image, args: Sequence[str], *, timeout: float = 120, memory: int | None = None) -> str:
        """What a program in a VM prints."""
        with ramet.run(image, args, memory=memory) as vm:
            return vm.communicate(timeout=timeout).check().stdout.text

    def native(self, command: Sequence[str | Path], *, timeout: float = 120, pin: bool = False) -> str:
        """What a native process prints. ``pin``: it has one CPU."""
        full = ["taskset", "-c", str(min(os.sched_getaffinity(0))), *command] if pin else list(command)
        done = subprocess.run(full, capture_output=True, text=True, timeout=timeout, env=self.environment())
        if done.returncode:
            raise HostError(f"{command[0]} ended with status {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def chroot(self, image: Image, args: Sequence[str], *, timeout: float = 120) -> str:
        """What the program prints as a native process whose root directory is the image's files."""
        return Native().run(self.root(image), args, timeout=timeout)

    def in_gvisor(self, image: Image, args: Sequence[str], *, timeout: float = 120) -> str | None:
        """What the program prints in a sandbox of gVisor's; None, and a note, where there is none."""
        try:
            return self._gvisor.run(self.root(image), args, timeout=timeout)
        except (HostError, OSError, subprocess.SubprocessError) as error:
            self.note(error)
            return None

    def times_crun(self, image: Image, args: Sequence[str], count: int) -> str | None:
        """What ``spawns.c`` prints of that many containers; None, and a note, where crun is not."""
        try:
            spawner = self.compile("spawns.c")
            return Crun(self.scratch).times(spawner, self.root(image), args, count, timeout=120)
        except (HostError, OSError, subprocess.SubprocessError) as error:
            self.note(error)
            return None

    def crun_at_once(self, image: Image, args: Sequence[str], count: int) -> float | None:
        """Seconds until so many containers have answered; None, and a note, where crun is not."""
        return self._at_once(Crun(self.scratch), image, args, count)

    def gvisor_at_once(self, image: Image, args: Sequence[str], count: int) -> float | None:
        """Seconds until so many sandboxes of gVisor's have answered; None, and a note, where there is none."""
        return self._at_once(self._gvisor, image, args, count)

    def _at_once(self, those: Crun | Gvisor, image: Image, args: Sequence[str], count: int) -> float | None:
        try:
            return those.at_once(self.root(image), args, count, timeout=600)
        except (HostError, OSError, subprocess.SubprocessError) as error:
            self.note(error)
            return None

    def note(self, error: Exception) -> None:
        """Says once what could not be measured."""
        text = " ".join(str(error).split())
        if text not in self.notes:
            self.notes.append(text)

    def native_python(self, image: Image) -> list[str]:
        """The command that runs the image's own Python as a native process: the same bytes as in the VM."""
        root = self.root(image)
        libraries = [
            str(path) for path in (root / "lib/x86_64-linux-gnu", root / "usr/lib/x86_64-linux-gnu") if path.is_dir()
        ]
        interpreter = (root / "usr/bin/python3").resolve()
        loader = next(
            path
            for path in (root / "lib64/ld-linux-x86-64.so.2", root / "usr/lib64/ld-linux-x86-64.so.2")
            if path.exists()
        )
        return [str(loader), "--library-path", ":".join(libraries), str(interpreter)]

    def environment(self) -> dict[str, str]:
        """The environment of native processes: as little as a VM has."""
        environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin")}
        if self._roots:
            python = next((root for root in self._roots.values() if (root / "usr/bin/python3").exists()), None)
            if python is not None:
                environment["PYTHONHOME"] = str(python / "usr")
        return environment

    def vmm_command(self, image: Image, args: Sequence[str]) -> tuple[registry.Entry, list[str]]:
        """The command that boots a VM, ready to be timed; its entry is to be discarded."""
        return prepare(image, args)

    def timed(self, command: Sequence[str | Path], *, environment: dict[str, str] | None = None) -> dict[str, Any]:
        """Starts a command with ``spawn.c``, which reads the time stamp counter right before.

        Answers ``total`` (seconds from start to end), ``first`` (seconds to the time stamp that the program printed, or
        None) and ``status``.
        """
        spawner = self.compile("spawn.c")
        done = subprocess.run(
            [spawner, *command],
            capture_output=True,
            text=True,
            timeout=120,
            env=self.environment() if environment is None else environment,
        )
        try:
            answer: dict[str, Any] = json.loads(done.stdout)
        except ValueError as error:
            raise HostError(f"{command[0]} could not be timed: {done.stderr.strip()[:200]}") from error
        if answer["status"] != 0:
            raise HostError(f"{command[0]} ended with status {answer['status']}: {done.stderr.strip()[:200]}")
        return answer

    # Time

    def clock(self) -> tuple[Any, float]:
        """A function that reads the time stamp counter (the guest's is the host's), and its ticks per second."""
        if self._clock is None:
            target = self.scratch / "libtsc.so"
            command: list[str | Path] = ["gcc", "-O2", "-shared", "-fPIC", "-o", target, self.sources / "tsc.c"]
            subprocess.run(command, check=True, capture_output=True)
            library = ctypes.CDLL(str(target))
            library.tsc.restype = ctypes.c_uint64
            library.tsc_per_second.restype = ctypes.c_double
            self._clock = (library.tsc, float(library.tsc_per_second()))
        tsc, hertz = self._clock
        return tsc, hertz


# Sources that are not guest programs, and options of those that want others than the usual ones.
_HOST_ONLY = {"bare.c", "restore.c", "spawn.c", "tsc.c"}
_OPTIONS = {"hello.c": ("-static", "-nostdlib", "-nostartfiles")}
