"""VMs that outlive the command that started them."""

from __future__ import annotations

import os
import signal
import time

from ramet import registry
from ramet.errors import HostError, RametError, VMError
from ramet.registry.files import read_object

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ramet.registry import Entry

__all__ = ["start"]

# The VMM has written who it is long before this many seconds are over.
_STARTING = 30.0


def start(entry: Entry, command: list[str], *, keep_input: bool, remove: bool) -> None:
    """Starts a VMM in a session of its own, output to the VM's log; returns when the VM is up.

    Raises :class:`VMError`, with a ``status``, when the VMM fails before the program runs.
    """
    log = os.open(entry.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    actions = [(os.POSIX_SPAWN_DUP2, log, 1), (os.POSIX_SPAWN_DUP2, log, 2)]
    if not keep_input:
        actions.append((os.POSIX_SPAWN_DUP2, null, 0))
    try:
        pid = _watched(entry, command, actions) if remove else _spawn(command, actions)
        _wait_until_up(entry, pid)
    finally:
        os.close(log)
        os.close(null)


def _spawn(command: list[str], actions: list[tuple[int, int, int]]) -> int:
    try:
        return os.posix_spawn(
            command[0],
            command,
            os.environ,
            file_actions=actions,
            setsid=True,
            setsigmask=(),
            setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),
        )
    except OSError as error:
        raise HostError(f"cannot start the VMM {command[0]}: {error.strerror}", hint="see `ramet doctor`") from error


def _watched(entry: Entry, command: list[str], actions: list[tuple[int, int, int]]) -> int:
    """For ``-d --rm``: the VMM's parent is a process that removes the VM's directory when the VM has ended."""
    watcher = os.fork()
    if watcher:
        return watcher
    status = 125
    try:
        os.setsid()
        pid = _spawn(command, actions)
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):
            os.dup2(null, descriptor)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 0xFF
        # The one that starts us tells the user why a VM failed: it needs the files.
        ended = read_object(entry.directory / "exit.json")
        if ended is None or ended.get("reason") != "failed":
            registry.discard(entry)
    except (OSError, RametError):
        pass
    finally:
        os._exit(status)


def _wait_until_up(entry: Entry, pid: int) -> None:
    limit = time.monotonic() + _STARTING
    while True:
        # The process is looked at before the files: what it wrote before it ended is seen then.
        gone, status = os.waitpid(pid, os.WNOHANG)
        ended = read_object(entry.directory / "exit.json")
        if ended is not None and ended.get("reason") == "failed":
            _fail(entry, int(ended.get("status", 125)), ended.get("message"))
        if ended is not None or not entry.directory.is_dir() or _program_runs(entry):
            return
        if gone:
            _fail(entry, os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 125, None)
        if time.monotonic() > limit:
            os.kill(pid, signal.SIGKILL)
            _fail(entry, 125, f"the VMM did not come up within {_STARTING:g} s")
        time.sleep(0.001)


def _program_runs(entry: Entry) -> bool:
    """Whether the guest has come to its program's first instruction: from then on failures are the program's."""
    if entry.process() is None:
        return False
    info = entry.status().info
    return info is not None and info.get("program_start_tsc", 1) != 0


def _fail(entry: Entry, status: int, message: object) -> None:
    if not message:
        try:
            message = entry.log.read_text(errors="replace").strip().rpartition("\n")[2]
            message = str(message).removeprefix("ramet: ")
        except OSError:
            message = ""
    error = VMError(str(message or f"it ended at once with status {status}"), vm=entry.name)
    error.status = status  # type: ignore[attr-defined]
    raise error
