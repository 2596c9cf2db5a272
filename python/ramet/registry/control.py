"""The client's side of a VM's control socket: one JSON document a line each way (``docs/spec/control.md``)."""

from __future__ import annotations

import array
import json
import os
import socket
import time

from ramet.errors import TimeoutExpired, VMError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Any

    from ramet.registry.entry import Entry

__all__ = ["Control", "Refused", "connect", "connect_to"]

# Longest answer taken; what a VMM says comes from a guest in part.
_ANSWER_MAX = 1 << 22
# Seconds that a VMM may take beside the time that a request itself allows.
_ANSWER_TIME = 5.0


class Refused(VMError):
    """The VMM answered, and said no. ``errno`` is the name it gave (``EBUSY``), or ``None``."""

    errno: str | None = None


class Control:
    """One connection. Not for several threads at once."""

    def __init__(self, directory: Path | str, vm: str, *, timeout: float | None = 10.0) -> None:
        """Connects to the socket in the VM's directory; an :class:`OSError` says that nobody listens there."""
        self._vm = vm
        self._buffer = b""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            self._socket.settimeout(timeout)
            connect_to(self._socket, f"{directory}/control.sock")
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> Control:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection; nothing happens to the VM."""
        self._socket.close()

    def fileno(self) -> int:
        """The socket, for select and its kin."""
        return self._socket.fileno()

    def send(self, request: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
        """Sends a request; the descriptors travel with its first byte."""
        data = json.dumps(request, separators=(",", ":")).encode() + b"\n"
        try:
            if descriptors:
                rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
                sent = self._socket.sendmsg([data], rights)
                data = data[sent:]
            if data:
                self._socket.sendall(data)
        except TimeoutError as error:
            raise self._silent(request) from error
        except OSError as error:
            raise self._gone(request, error) from error

    def receive(self, request: dict[str, Any], *, timeout: float | None = 10.0) -> dict[str, Any]:
        """The next answer, :class:`Refused` when it is no; ``request`` is for the message of an error."""
        limit = None if timeout is None else time.monotonic() + timeout
        try:
            while b"\n" not in self._buffer:
                self._socket.settimeout(None if limit is None else max(limit - time.monotonic(), 0.000_001))
                received = self._socket.recv(65536)
                if not received:
                    raise self._gone(request, None)
                self._buffer += received
                if len(self._buffer) > _ANSWER_MAX:
                    raise VMError(f"the answer to {request['op']} has no end", vm=self._vm)
        except TimeoutError as error:
            raise self._silent(request, timeout) from error
        except OSError as error:
            raise self._gone(request, error) from error
        line, _, self._buffer = self._buffer.partition(b"\n")
        try:
            answer = json.loads(line)
        except ValueError as error:
            raise VMError(f"the answer to {request['op']} is not JSON", vm=self._vm) from error
        if not isinstance(answer, dict):
            raise VMError(f"the answer to {request['op']} is not a JSON object", vm=self._vm)
        if not answer.get("ok"):
            refused = Refused(f"cannot {request['op']}: {answer.get('error') or 'refused'}", vm=self._vm)
            refused.errno = answer.get("errno")
            raise refused
        return answer

    def call(
        self, request: dict[str, Any], descriptors: Sequence[int] = (), *, timeout: float | None = 10.0
    ) -> dict[str, Any]:
        """Sends a request and waits for its answer."""
        self.send(request, descriptors)
        return self.receive(request, timeout=timeout)

    def wait_ready(self, timeout: float | None) -> None:
        """Waits until the program has said that it is ready; :class:`TimeoutExpired` when it has not in time."""
        try:
            self.call(
                {"op": "wait_ready", "timeout": timeout}, timeout=None if timeout is None else timeout + _ANSWER_TIME
            )
        except Refused as error:
            if error.errno != "ETIMEDOUT" or timeout is None:
                raise
            raise TimeoutExpired(
                f"the program was not ready within {timeout:g} s",
                timeout=timeout,
                hint="give it more time; it says so by writing `ready` to /dev/ramet",
                vm=self._vm,
            ) from error

    def _gone(self, request: dict[str, Any], error: OSError | None) -> VMError:
        reason = "it has ended" if error is None else f"it has ended ({error.strerror or error})"
        return VMError(f"cannot {request['op']}: {reason}", hint="`ramet ps -a` shows how", vm=self._vm)

    def _silent(self, request: dict[str, Any], timeout: float | None = None) -> TimeoutExpired:
        return TimeoutExpired(
            f"no answer to {request['op']}" + (f" within {timeout:g} s" if timeout is not None else ""),
            timeout=timeout,
            hint="`ramet kill` ends a VM that does not answer",
            vm=self._vm,
        )


def connect_to(client: socket.socket, path: str) -> None:
    """Connects a socket, also where the path is longer than the 107 bytes of ``sun_path``."""
    if len(os.fsencode(path)) < 108:
        client.connect(path)
        return
    directory, _, name = path.rpartition("/")
    descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        client.connect(f"/proc/self/fd/{descriptor}/{name}")
    finally:
        os.close(descriptor)


def connect(entry: Entry, *, timeout: float = 10.0) -> Control:
    """Connects to a VM's control socket; waits for one that is just starting."""
    limit = time.monotonic() + timeout
    pause = 0.000_5
    while True:
        try:
            return Control(entry.directory, entry.name)
        except OSError as error:
            status = entry.status(ask=False)
            if not status.alive:
                ended = status.ended
                why = f" ({ended.reason}, status {ended.status})" if ended else ""
                raise VMError(f"it is not running{why}", hint="`ramet ps -a` lists all VMs", vm=entry.name) from error
            if time.monotonic() > limit:
                raise VMError(
                    f"its control socket does not answer: {error.strerror or error}",
                    hint=f"`ramet rm -f {entry.name}` ends it",
                    vm=entry.name,
                ) from error
        time.sleep(pause)
        pause = min(pause * 2, 0.05)
