"""Builds the guest programs of ``tests/guests`` and runs them natively and in VMs."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

GUESTS = Path(__file__).resolve().parent.parent / "guests"


def load(name: str) -> Any:
    """A module that lies beside the guest programs."""
    if str(GUESTS) not in sys.path:
        sys.path.append(str(GUESTS))
    return importlib.import_module(name)


guest_build = load("guest_build")
guest_native = load("guest_native")
guest_compare = load("compare")

Case = dict[str, Any]
IMAGE = "test-guests"
MEMORY = "512M"
# Seconds for one run, natively or in a VM: most need one. Emulated processors are tens of times slower.
LIMIT = 600 if "SVM_HOST" in os.environ else 60


def all_cases() -> list[Case]:
    """Every case, whether its program has been built or not."""
    entries, _ = guest_build.plan(Path("/nowhere"))
    return list(entries)


def identity(case: Case) -> str:
    """The test's name."""
    return str(case["name"])


class Guests:
    """The built programs: a directory for native runs, an image for VMs."""

    def __init__(self, home: Path) -> None:
        from ramet.image import Spec, Store, build
        from ramet.image.spec import CopySource

        self.out = home / "guest-programs"
        self.out.mkdir(parents=True, exist_ok=True)
        self.complaints: list[str] = []
        self._copies: tempfile.TemporaryDirectory[str] | None = None
        if os.environ.get("RAMET_TEST_PREPARED"):
            manifest = json.loads((self.out / "manifest.json").read_text())
        else:
            manifest, self.complaints = guest_build.make_tree(self.out)
        self.bad: dict[str, Case] = {str(entry["name"]): entry for entry in manifest["bad"]}
        if os.environ.get("RAMET_TEST_PREPARED"):
            self.image = Store(home).find(IMAGE).name
            return
        spec = Spec(name=IMAGE, files=[CopySource(self.out, "/")], cmd=["/tests/elf/hello-static"])
        self.image = build(spec, store=Store(home)).name

    def native(self, case: Case) -> Any:
        """Run a case on this machine's Linux."""
        program = self.out / str(case["path"]).lstrip("/")
        assert program.exists(), f"{program} was not built:\n" + "\n".join(self.complaints)
        out = self._for_everybody(case) if case["user"] == "nobody" else self.out
        return guest_native.run_native(out, case, timeout=LIMIT)

    def _for_everybody(self, case: Case) -> Path:
        """Where another user can reach the case's program: the home of VMs and images is its owner's alone."""
        if all(path.stat().st_mode & 0o001 for path in self.out.parents):
            return self.out
        if self._copies is None:
            self._copies = tempfile.TemporaryDirectory(prefix="guest-programs-")
            Path(self._copies.name).chmod(0o755)
        copies = Path(self._copies.name)
        wanted = [str(case["path"])]
        if case.get("group") == "process":
            wanted.append("/tests/process/sandbox")
        for path in wanted:
            copy = copies / path.lstrip("/")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(self.out / path.lstrip("/"), copy)
        if not (copies / "tests/data").exists():
            # With its links and owners.
            subprocess.run(["cp", "-a", str(self.out / "tests/data"), str(copies / "tests")], check=True)
        return copies

    def start(self, case: Case, *, timeout: float = LIMIT) -> Any:
        """Start a case in a VM of its own; ``/tmp`` is its working directory."""
        import ramet

        return ramet.run(
            self.image,
            case["argv"],
            env=guest_native.environment_of(case),
            cwd="/tmp",
            user="65534:65534" if case["user"] == "nobody" else "0:0",
            memory=MEMORY,
            hostname="guest",
            timeout=timeout,
            stdin=ramet.PIPE if case["stdin"] is not None else ramet.DEVNULL,
        )

    def vm(self, case: Case, *, timeout: float = LIMIT) -> Any:
        """Run a case in a VM."""
        if case["tty"]:
            return self._on_terminal(case, timeout)
        started = time.monotonic()
        with self.start(case, timeout=timeout) as vm:
            done = vm.communicate(case["stdin"], timeout=timeout + 10)
        decode = guest_native.decode
        return guest_native.Result(done.status, decode(done.stdout), decode(done.stderr), time.monotonic() - started)

    def _on_terminal(self, case: Case, timeout: float) -> Any:
        command = [sys.executable, "-m", "ramet", "run", "--rm", "-t", "-m", MEMORY, "-w", "/tmp", "-u", "0:0"]
        for name, value in guest_native.environment_of(case).items():
            command += ["-e", f"{name}={value}"]
        started = time.monotonic()
        status, output = guest_native.run_on_terminal(
            [*command, self.image, *case["argv"]], stdin=case["stdin"], timeout=timeout, env=dict(os.environ)
        )
        return guest_native.Result(status, guest_native.decode(output), "", time.monotonic() - started)

    def command(self, argv: list[str], timeout: float = LIMIT) -> subprocess.CompletedProcess[str]:
        """``ramet run`` with these arguments in the image of the guests."""
        command = [sys.executable, "-m", "ramet", "run", "--rm", self.image, *argv]
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False
        )
