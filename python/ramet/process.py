"""A process that was added to a VM's session."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Mapping, Sequence
from signal import SIGKILL, Signals
from typing import Any, Self

from ramet.conversation import Conversation
from ramet.errors import HostError, RametError, UsageError, VMError
from ramet.launch import ENVIRONMENT, check_arguments, check_environment, find_image
from ramet.registry import Entry
from ramet.registry.control import Control, Refused, connect
from ramet.registry.files import read_object
from ramet.streams import Stream, Streams

__all__ = ["Process", "processes", "start"]

# Seconds that a VM may take until its program begins.
_BOOT_TIME = 30.0


class Process(Conversation):
    """A process that :meth:`VM.exec` has added to a VM's session.

    As a context manager it is killed when the block is left before it has ended.
    """

    def __init__(
        self, entry: Entry, pid: int | None, *, near: Sequence[int | None], tty: bool, status_pipe: int
    ) -> None:
        super().__init__(near, tty=tty, status_pipe=status_pipe)
        self._entry = entry
        #: Its process id in the session; ``None`` if its program could not be started.
        self.pid = pid

    @property
    def name(self) -> str:
        """The VM's name."""
        return self._entry.name

    def signal(self, number: int | Signals) -> None:
        """Sends it a signal. Nothing happens to one that has ended."""
        self._call({"op": "exec_signal", "pid": self.pid, "signal": int(number)})

    def kill(self) -> None:
        """Ends it at once; its status is 137. What it has started goes on."""
        self.signal(SIGKILL)

    def resize(self, rows: int, columns: int) -> None:
        """Sets the size of the terminal of a process with ``tty``."""
        self._call({"op": "exec_resize", "pid": self.pid, "rows": rows, "columns": columns})

    def _call(self, request: dict[str, Any]) -> None:
        if self.pid is None or self.see_end():
            return
        with connect(self._entry) as control:
            control.call(request)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        with contextlib.suppress(RametError):
            self.kill()
        self.close_streams()

    def __repr__(self) -> str:
        return f"<ramet.Process {self.pid} of {self._entry.name}>"

    def __del__(self) -> None:
        if hasattr(self, "_stderr"):
            self.close_streams()
        if getattr(self, "_status_pipe", None) is not None:
            with contextlib.suppress(OSError):
                os.close(self._status_pipe)  # type: ignore[arg-type]


def _defaults(entry: Entry) -> tuple[dict[str, str], str, str]:
    """Environment, working directory and user that the VM was started with; of a clone, those of its image."""
    config = read_object(entry.directory / "config.json") or {}
    if isinstance(config.get("env"), list):
        pairs = (variable.partition("=") for variable in config["env"])
        return {name: value for name, _, value in pairs}, str(config["cwd"]), str(config["user"])
    environment = {**ENVIRONMENT}
    try:
        image = find_image(str(entry.record.get("image_digest") or entry.record["image"]))
    except (KeyError, RametError):  # it was removed: the VM has all of it that it needs
        return environment, "/", "0"
    return {**environment, **image["env"]}, image["workdir"] or "/", image["user"] or "0"


def start(
    entry: Entry,
    args: Sequence[str],
    env: Mapping[str, str] | None,
    cwd: str | None,
    user: str | None,
    standard: tuple[Stream, Stream, Stream],
    *,
    tty: bool,
    terminal: tuple[int, int] | None = None,
) -> Process:
    """Adds a process. ``terminal``: the streams are a terminal of that size, in raw mode already."""
    check_arguments(args)
    if not args:
        raise UsageError("no program to run", hint="say what to run")
    environment, directory, default_user = _defaults(entry)
    environment.update(check_environment(env or {}))
    if tty:
        environment.setdefault("TERM", os.environ.get("TERM", "xterm"))
    document = {
        "args": [*args],
        "env": [f"{name}={value}" for name, value in environment.items()],
        "cwd": cwd or directory,
        "user": user or default_user,
        "terminal": terminal or ((24, 80) if tty else None),
    }
    streams = Streams(*standard, tty=tty and terminal is None)
    try:
        status = os.pipe()
    except OSError as error:
        streams.abandon()
        raise HostError("too many open files", hint="raise `ulimit -n`") from error
    try:
        if tty and terminal is None:
            import tty as terminals

            terminals.setraw(streams.child[0])
        with connect(entry) as control:
            answer = _ask(control, {"op": "exec", "exec": document}, [*streams.child, status[1]])
    except BaseException as error:
        streams.abandon()
        os.close(status[0])
        if isinstance(error, Refused) and error.errno == errno.errorcode[errno.E2BIG]:
            raise VMError("arguments and environment are too long", vm=entry.name) from error
        raise
    finally:
        os.close(status[1])
    streams.started()
    return Process(entry, answer.get("pid"), near=streams.near, tty=tty, status_pipe=status[0])


def _ask(control: Control, request: dict[str, Any], descriptors: Sequence[int]) -> dict[str, Any]:
    """Asks again while the VM is still booting."""
    limit = time.monotonic() + _BOOT_TIME
    while True:
        try:
            return control.call(request, descriptors, timeout=60.0)
        except Refused as error:
            if error.errno != errno.errorcode[errno.EAGAIN] or time.monotonic() > limit:
                raise
        time.sleep(0.001)


def processes(entry: Entry) -> list[dict[str, Any]]:
    """The processes of the VM's session."""
    with connect(entry) as control:
        found: list[dict[str, Any]] = control.call({"op": "processes"})["processes"]
    for process in found:
        if process["args"] is None:  # it has not forked: only the VM itself knows
            process["args"] = list(entry.record.get("args", []))
            process["command"] = os.path.basename(process["args"][0])[:15] if process["args"] else ""
    return found
