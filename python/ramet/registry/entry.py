"""One VM as its directory tells it.

How the state follows from the files::

    exit.json ................................. exited (killed, if its reason says so)
    vmm.json, its process alive ............... what the control socket says: running, paused, frozen;
                                                no answer: unresponsive
    vmm.json, its process gone ................ killed (from outside), status 137
    neither, the process that makes it alive .. starting
    neither, that process gone ................ killed
"""

from __future__ import annotations

from pathlib import Path

from ramet.registry.files import read_object
from ramet.registry.process import is_alive, open_process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["ALIVE", "Ended", "Entry", "Status"]

#: States of a VM that has a process.
ALIVE = frozenset({"starting", "running", "paused", "frozen", "unresponsive"})

KILLED_STATUS = 137


class Ended:
    """How a VM ended: the content of ``exit.json``."""

    __slots__ = ("ended", "message", "reason", "signal", "status")

    def __init__(
        self,
        status: int,
        reason: str,
        signal: int | None = None,
        ended: float | None = None,
        message: str | None = None,
    ) -> None:
        self.status = status
        self.reason = reason
        self.signal = signal
        self.ended = ended
        self.message = message

    @classmethod
    def parse(cls, document: dict[str, Any]) -> Ended:
        """From the JSON object."""
        return cls(
            int(document.get("status", KILLED_STATUS)),
            str(document.get("reason", "killed")),
            document.get("signal"),
            document.get("ended"),
            document.get("message"),
        )

    @classmethod
    def from_outside(cls) -> Ended:
        """For a VM whose process went without a word."""
        return cls(KILLED_STATUS, "killed", 9)

    def document(self) -> dict[str, Any]:
        """The JSON object."""
        return {name: getattr(self, name) for name in ("status", "reason", "signal", "ended", "message")}


class Status:
    """A VM's state at one moment."""

    __slots__ = ("ended", "info", "pid", "state")

    def __init__(self, state: str, pid: int | None, ended: Ended | None, info: dict[str, Any] | None) -> None:
        self.state = state
        self.pid = pid
        self.ended = ended
        #: The VMM's answer to ``info``, if it was asked and gave one.
        self.info = info

    @property
    def alive(self) -> bool:
        """Whether the VM has a process."""
        return self.state in ALIVE


class Entry:
    """A VM's directory. Holds no state of its own: every property reads the files.

    But for a clone that makes its directory itself, while it runs: whoever asked for it knows ``record`` and ``known``,
    its process, before there is a file.
    """

    __slots__ = ("_record", "directory", "id", "known")

    def __init__(self, directory: Path, record: dict[str, Any] | None = None) -> None:
        self.directory = directory
        self.id = directory.name
        self._record = record
        self.known: tuple[int, int] | None = None

    @property
    def record(self) -> dict[str, Any]:
        """What the registry noted when it made the VM; never changes afterwards."""
        if self._record is None:
            self._record = read_object(self.directory / "record.json") or {}
        return self._record

    @property
    def name(self) -> str:
        """The name, or the id of a VM without one."""
        return str(self.record.get("name") or self.id)

    @property
    def log(self) -> Path:
        """The file with the output of a detached VM (it need not exist)."""
        return self.directory / "console.log"

    def ended(self) -> Ended | None:
        """How the VM ended, or ``None`` while it lives."""
        return self.status(ask=False).ended

    def process(self) -> tuple[int, int] | None:
        """Process id and start time of the VMM, once it has written them."""
        vmm = read_object(self.directory / "vmm.json")
        if vmm is None:
            return self.known
        try:
            return int(vmm["pid"]), int(vmm["start_time"])
        except (KeyError, TypeError, ValueError):
            return None

    def open_process(self) -> int | None:
        """A pidfd of the VMM, or ``None`` if it has no process."""
        process = self.process() or self._creator()
        return None if process is None else open_process(*process)

    def _creator(self) -> tuple[int, int] | None:
        creator = self.record.get("creator")
        return (int(creator[0]), int(creator[1])) if isinstance(creator, list) and len(creator) == 2 else None

    def status(self, *, ask: bool = True, timeout: float = 1.0) -> Status:
        """The VM's state now.

        ``ask`` false: the control socket is not asked, and every VM that has a process is ``running``.
        """
        process = self.process()
        document = read_object(self.directory / "exit.json")
        if document is None and process is not None and not is_alive(*process):
            # The VMM writes exit.json before it ends: look again now that it is known to be gone.
            document = read_object(self.directory / "exit.json")
            if document is None:
                return Status("killed", process[0], Ended.from_outside(), None)
        if document is not None:
            ended = Ended.parse(document)
            return Status("killed" if ended.reason == "killed" else "exited", process and process[0], ended, None)
        if process is None:
            creator = self._creator()
            if creator is not None and is_alive(*creator):
                return Status("starting", None, None, None)
            if self.process() is not None:
                return self.status(ask=ask, timeout=timeout)
            return Status("killed", None, Ended.from_outside(), None)
        if not ask:
            return Status("running", process[0], None, None)
        from ramet.registry.control import Control  # `ramet run` never asks: it need not import sockets

        try:
            with Control(self.directory, self.name, timeout=timeout) as control:
                info = control.call({"op": "info"}, timeout=timeout)
        except Exception:  # whatever went wrong there: is it that the VM has ended meanwhile?
            again = self.status(ask=False)
            return again if again.ended is not None else Status("unresponsive", process[0], None, None)
        return Status(str(info.get("state", "running")), process[0], None, info)
