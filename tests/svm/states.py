"""What every process of this machine is doing: for a step that takes too long, so that a hang explains itself."""

from __future__ import annotations

import faulthandler
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def text_of(path: Path) -> str:
    """A file of /proc; what is gone or forbidden is said."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError as error:
        return f"({error.strerror})"


def threads() -> Iterator[tuple[Path, str]]:
    """Each thread of each process that is not the host kernel's own, and of these the ones that do not sleep well."""
    for process in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
        command = text_of(process / "cmdline").replace("\0", " ").strip()
        for thread in sorted(process.glob("task/[0-9]*")):
            state = text_of(thread / "stat").rpartition(")")[2][1:2]
            if command or state in "DR":
                yield thread, command


def print_states() -> None:
    """For each process what it has open, for each thread its state, system call, processor time and stack in the host's
    kernel; then who has moved since, what KVM has counted, and where this program is."""
    before = {thread: text_of(thread / "schedstat") for thread, _ in threads()}
    for thread, command in threads():
        if thread.name == thread.parent.parent.name:
            print(f"process {thread.name}: {command[:300]}")
            for file in sorted((thread / "fd").glob("*"), key=lambda path: int(path.name)):
                try:
                    print(f"    {file.name} -> {file.readlink()}")
                except OSError as error:
                    print(f"    {file.name}: {error.strerror}")
        fields = text_of(thread / "stat").rpartition(")")[2].split()
        name, call, times = (text_of(thread / file) for file in ("comm", "syscall", "schedstat"))
        pending = [line for line in text_of(thread / "status").splitlines() if line.startswith(("Sig", "Shd", "volun"))]
        print(f"  thread {thread.name} {name}: state {fields[0] if fields else '?'}, system call {call}, times {times}")
        print("    " + " ".join(" ".join(line.split()) for line in pending))
        for line in text_of(thread / "stack").splitlines():
            print(f"    {line}")
    time.sleep(2)
    for thread, _ in threads():
        if (now := text_of(thread / "schedstat")) != before.get(thread):
            print(f"  moves: {thread.name} {text_of(thread / 'comm')}: {before.get(thread)}, then {now}")
    for path in sorted(Path("/sys/kernel/debug/kvm").rglob("*")):
        if path.is_file() and (value := text_of(path)) != "0":
            print(f"  {path}: {value}")
    sys.stdout.flush()
    faulthandler.dump_traceback(sys.stdout, all_threads=True)


@contextmanager
def explained(what: str, limit: float) -> Iterator[None]:
    """Prints `print_states` when what is done meanwhile takes longer than `limit` seconds. It goes on all the same."""
    done = threading.Event()

    def watch() -> None:
        if not done.wait(limit):
            print(f"after {limit:g} s, {what}: what the machine is doing", flush=True)
            print_states()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join(30)
