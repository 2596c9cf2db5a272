"""Run guest cases natively, in a scratch directory, with a fixed environment."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import difflib
import os
import pty
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

Case = dict[str, Any]
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/root", "LANG": "C"}
NOBODY = 65534


@dataclasses.dataclass
class Result:
    """What a run gave."""

    status: int
    stdout: str
    stderr: str
    seconds: float


def environment_of(case: Case, data: str = "/tests/data") -> dict[str, str]:
    """The case's environment variables; `data` is where the files are that came with the image."""
    return {**ENVIRONMENT, **dict(pair.replace("=@data", f"={data}").split("=", 1) for pair in case["env"])}


def scratch_directory() -> str:
    """A new directory like the VM's /tmp: mode 1777, owned by root, on a memory file system if there is one."""
    base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    path = tempfile.mkdtemp(prefix="guest-", dir=base)
    os.chmod(path, 0o1777)
    return path


def decode(data: bytes) -> str:
    """Output as text that can be compared and printed."""
    return data.decode("utf-8", "backslashreplace").replace("\r\n", "\n")


def _limits() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, max(hard, 1024)))
    os.umask(0o022)


def run_on_terminal(command: list[str], *, stdin: str | None, timeout: float, **options: Any) -> tuple[int, bytes]:
    """Run with a new pseudo-terminal as standard streams; what came out of it."""
    master, slave = pty.openpty()
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True, **options)
    os.close(slave)
    output = b""
    if stdin:
        os.write(master, stdin.encode())
    end = time.monotonic() + timeout
    try:
        while time.monotonic() < end:
            try:
                data = os.read(master, 65536)
            except OSError:
                break
            if not data:
                break
            output += data
        status = process.wait(max(0.1, end - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.kill()
        status = process.wait()
        output += b"\nTIMEOUT\n"
    finally:
        os.close(master)
    return status, output


def run_native(out: Path, case: Case, timeout: float = 10) -> Result:
    """Run one case on this machine's Linux. The executables are those of the tree `out`."""
    argv = [str(out) + word if word.startswith("/tests/") else word for word in case["argv"]]
    if case.get("group") == "process":
        argv.insert(0, str(out / "tests/process/sandbox"))
    directory = scratch_directory()
    data = str(Path(directory, "image-data"))
    if any(pair.endswith("=@data") for pair in case["env"]):
        # With its links and owners, so that the program may change it.
        subprocess.run(["cp", "-a", str(out / "tests/data"), data], check=True)
    options: dict[str, Any] = {"cwd": directory, "env": environment_of(case, data), "preexec_fn": _limits}
    if case["user"] == "nobody":
        options.update(user=NOBODY, group=NOBODY, extra_groups=[])
    started = time.monotonic()
    try:
        if case["tty"]:
            status, output = run_on_terminal(argv, stdin=case["stdin"], timeout=timeout, **options)
            stdout, stderr = decode(output), ""
        else:
            text = case["stdin"]
            done = subprocess.run(
                argv,
                input=None if text is None else text.encode(),
                stdin=subprocess.DEVNULL if text is None else None,
                capture_output=True,
                timeout=timeout,
                start_new_session=True,
                check=False,
                **options,
            )
            status, stdout, stderr = done.returncode, decode(done.stdout), decode(done.stderr)
    except subprocess.TimeoutExpired as error:
        status, stdout, stderr = 124, decode(error.stdout or b"") + "\nTIMEOUT", ""
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return Result(128 - status if status < 0 else status, stdout, stderr, time.monotonic() - started)


def check_all(out: Path, cases: list[Case], times: int, jobs: int = 1) -> int:
    """Run each case several times, `jobs` cases at once; 1 if one fails or changes its output."""
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        failed = sum(pool.map(lambda case: check_one(out, case, times), cases))
    print(f"{len(cases)} cases run natively, {failed} bad", file=sys.stderr)
    return int(failed > 0)


def check_one(out: Path, case: Case, times: int) -> int:
    """Run a case several times; 1 if it fails or changes its output."""
    first = run_native(out, case)
    problems: list[str] = []
    if first.status in (98, 99, 124) or "TEST FAILED: " in first.stdout:
        problems.append(f"status {first.status}\n{first.stdout}{first.stderr}")
    if first.seconds > 2 and not case["slow"]:
        problems.append(f"took {first.seconds:.1f} s")
    if not first.stdout.strip():
        problems.append(f"printed nothing, status {first.status}, {first.stderr}")
    for _ in range(times - 1):
        again = run_native(out, case)
        same = again.stdout == first.stdout and again.status == first.status
        if same == case["repeat"]:
            difference = difflib.unified_diff(first.stdout.splitlines(), again.stdout.splitlines(), lineterm="")
            problems.append(f"status {first.status}, then {again.status}\n" + "\n".join(difference))
            break
    if problems:
        text = "\n".join(line[:300] for line in "\n".join(problems).splitlines()[:60])
        print(f"BAD  {case['name']}: {text}", file=sys.stderr)
    return int(bool(problems))
