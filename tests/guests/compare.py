#!/usr/bin/env python3
"""Run guest programs natively and in the VM, with the VMM alone, and compare.

    python3 tests/guests/build.py OUT [--group process]
    RAMET_VMM=target/debug/ramet-vmm RAMET_KERNEL=path python3 tests/guests/compare.py OUT [-k REGEX] [--jobs 1]

Prints PASS or FAIL for each case, with the differing lines; exit status 1 when one failed. Needs mkfs.erofs.
`--record FILE` writes the names of those that passed, `--strace` shows the VM's system calls of failing cases.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import difflib
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import guest_build
from guest_native import NOBODY, Case, Result, decode, environment_of, run_native, run_on_terminal

MEMORY = 512 << 20


def make_image(out: Path) -> Path:
    """An EROFS image of the tree, made again when a program or library is newer."""
    image = out.with_suffix(".erofs")
    newest = max(path.lstat().st_mtime for path in out.rglob("*"))
    if image.exists() and image.stat().st_mtime > newest:
        return image
    image.unlink(missing_ok=True)
    command = ["mkfs.erofs", "--quiet", "--all-root", "-T0", str(image), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return image


class Vm:
    """Starts the VMM on the image, one VM for each case."""

    def __init__(self, vmm: str, kernel: str, image: Path, *, patch: bool = True, memory: int = MEMORY) -> None:
        self.vmm, self.kernel, self.image = vmm, kernel, image
        self.patch, self.memory = patch, memory

    def run(self, case: Case, *, timeout: float = 20, strace: bool = False) -> Result:
        """Run one case in a new VM: the same arguments, environment and user, working directory /tmp."""
        directory = tempfile.mkdtemp(prefix="guest-vm-")
        config = {
            "id": secrets.token_hex(8),
            "name": "guest",
            "directory": directory,
            "kernel": self.kernel,
            "image": str(self.image),
            "memory": case.get("memory", self.memory),
            "args": case["argv"],
            "env": [f"{name}={value}" for name, value in environment_of(case).items()],
            "cwd": "/tmp",
            "user": str(NOBODY) + ":" + str(NOBODY) if case["user"] == "nobody" else "0:0",
            "hostname": "guest",
            "volumes": [],
            "tty": case["tty"],
            "strace": strace,
            "timeout": timeout,
            "patch_syscalls": self.patch,
        }
        path = Path(directory, "config.json")
        path.write_text(json.dumps(config))
        command = [self.vmm, "run", str(path)]
        started = time.monotonic()
        try:
            if case["tty"]:
                status, output = run_on_terminal(command, stdin=case["stdin"], timeout=timeout + 5)
                stdout, stderr = decode(output), ""
            else:
                text = case["stdin"]
                done = subprocess.run(
                    command,
                    input=None if text is None else text.encode(),
                    stdin=subprocess.DEVNULL if text is None else None,
                    capture_output=True,
                    timeout=timeout + 5,
                    start_new_session=True,
                    check=False,
                )
                status, stdout, stderr = done.returncode, decode(done.stdout), decode(done.stderr)
        except subprocess.TimeoutExpired as error:
            status, stdout, stderr = 124, decode(error.stdout or b"") + "\nTIMEOUT", decode(error.stderr or b"")
        finally:
            shutil.rmtree(directory, ignore_errors=True)
        if status < 0:
            stderr += f"\nVMM ended by signal {-status}"
        return Result(status, stdout, stderr, time.monotonic() - started)


def same_line(native: str, vm: str, allow: list[dict[str, str]]) -> bool:
    """Whether two lines are equal, or differ as a rule of the source file expects."""
    if native == vm:
        return True
    return any(re.fullmatch(rule["native"], native) and re.fullmatch(rule["vm"], vm) for rule in allow)


def differences(case: Case, native: Result, vm: Result) -> list[str]:
    """What differs beyond what the case allows, as lines to print."""
    problems: list[str] = []
    if case["optional"] and vm.stdout.endswith("absent\n"):
        return problems
    status_allowed = same_line(str(native.status), str(vm.status), case["allow_status"])
    if not status_allowed:
        problems.append(f"status: native {native.status}, VM {vm.status}")
    left, right = native.stdout.splitlines(), vm.stdout.splitlines()
    if case["repeat"]:
        if len(left) != len(right) or any(a == b for a, b in zip(left, right, strict=False)):
            problems.append("output ought to differ in every line")
            problems += ["  native: " + line for line in left] + ["  VM:     " + line for line in right]
        return problems
    patched = list(left)
    for index in range(min(len(left), len(right))):
        if same_line(left[index], right[index], case["allow"]):
            patched[index] = right[index]
    if patched != right:
        problems += list(difflib.unified_diff(patched, right, "native", "VM", lineterm="", n=1))
    return problems


def compare(out: Path, vm: Vm, case: Case) -> list[str]:
    """Run one case both ways."""
    native = run_native(out, case)
    in_vm = vm.run(case)
    problems = differences(case, native, in_vm)
    if case["repeat"] and not problems:
        again = vm.run(case)
        problems = differences(case, in_vm, again)
    if problems and in_vm.stderr.strip():
        problems.append("stderr: " + in_vm.stderr.strip()[-2000:])
    return problems


def check_bad(vm: Vm, entry: dict[str, object]) -> list[str]:
    """Run a file that is no program: one line on stderr, the status that is documented."""
    case = {"argv": entry["argv"], "env": [], "user": "root", "tty": False, "stdin": None}
    result = vm.run(case)
    problems = []
    if result.status != entry["status"]:
        problems.append(f"status {result.status} instead of {entry['status']}")
    if len(result.stderr.strip().splitlines()) != 1:
        problems.append(f"not one line on stderr: {result.stderr!r}")
    return problems


def main() -> int:
    """Compare what is asked for."""
    parser = argparse.ArgumentParser(description="compare guest programs natively and in the VM")
    parser.add_argument("out", type=Path, nargs="?", default=Path("/tmp/guests-out"))
    parser.add_argument("-k", default="", metavar="REGEX")
    parser.add_argument("--group", choices=guest_build.ALL_GROUPS, help="only the cases of this group (built with it)")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--strace", action="store_true", help="show the VM's trace of failing cases")
    parser.add_argument("--no-patch", action="store_true", help="leave system call sites as they are")
    parser.add_argument("--show", action="store_true", help="print the VM's whole output of failing cases")
    parser.add_argument("--memory", type=int, default=MEMORY >> 20, help="MiB")
    parser.add_argument("--record", type=Path, help="write the names of the cases that passed")
    options = parser.parse_args()
    out: Path = options.out.resolve()
    manifest = json.loads((out / "manifest.json").read_text())
    vmm, kernel = os.environ.get("RAMET_VMM"), os.environ.get("RAMET_KERNEL")
    if not vmm or not kernel:
        raise SystemExit("set RAMET_VMM and RAMET_KERNEL to the paths of the two executables")
    vm = Vm(vmm, str(Path(kernel).resolve()), make_image(out), patch=not options.no_patch, memory=options.memory << 20)
    cases = [case for case in manifest["cases"] if re.search(options.k, case["name"])]
    cases = [case for case in cases if options.group in (None, case["group"])]
    bad = [entry for entry in manifest["bad"] if re.search(options.k, entry["name"]) and options.group != "process"]
    passed: list[str] = []
    failed: list[str] = []

    def one(entry: Case) -> tuple[Case, list[str]]:
        return entry, compare(out, vm, entry) if "variant" in entry else check_bad(vm, entry)

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for entry, problems in pool.map(one, cases + bad):
            (failed if problems else passed).append(entry["name"])
            print(f"{'FAIL' if problems else 'PASS'} {entry['name']}", flush=True)
            for line in problems:
                print("    " + line.replace("\n", "\n    "))
            if problems and "variant" in entry and (options.strace or options.show):
                result = vm.run(entry, strace=options.strace)
                print(result.stdout + result.stderr if options.show else result.stderr)
    print(f"{len(passed)} passed, {len(failed)} failed" + (": " + " ".join(failed) if failed else ""))
    if options.record:
        options.record.write_text("\n".join(passed) + "\n")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
