"""The client's side of a template's clone socket: one datagram, one clone (``docs/spec/control.md``)."""

from __future__ import annotations

import array
import errno
import json
import os
import select
import socket
import threading

from ramet.errors import TimeoutExpired, VMError
from ramet.registry.control import Refused, connect_to

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Any

__all__ = ["CloneSocket", "Pending"]

_RIGHTS = (socket.SOL_SOCKET, socket.SCM_RIGHTS)


class CloneSocket:
    """The way to the clones that a template has made ahead. For any number of threads."""

    def __init__(self, directory: Path | str) -> None:
        self._path = f"{directory}/clone.sock"
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        """Forgets the connection; the next request makes another one."""
        with self._lock:
            if self._socket is not None:
                self._socket.close()
            self._socket = None

    def _connected(self) -> socket.socket:
        with self._lock:
            if self._socket is None:
                new = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
                try:
                    connect_to(new, self._path)
                except BaseException:
                    new.close()
                    raise
                self._socket = new
            return self._socket

    def send(
        self, request: dict[str, Any], streams: Sequence[int], status: int | None, *, wait: bool = True
    ) -> Pending | None:
        """Asks for a clone. ``None``: there is nobody to ask here, or the request is too long for this way.

        ``wait`` false: :class:`BlockingIOError` when too many requests are on their way.
        """
        try:
            connection = self._connected()
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            return None
        near, far = os.pipe()
        try:
            descriptors = [*streams, far] if status is None else [*streams, far, status]
            data = json.dumps({"clone": request}, separators=(",", ":")).encode()
            connection.sendmsg(
                [data],
                [(*_RIGHTS, array.array("i", descriptors))],
                0 if wait else socket.MSG_DONTWAIT,
            )
        except BaseException as error:
            os.close(near)
            if isinstance(error, BlockingIOError) or not isinstance(error, OSError):
                raise
            if error.errno == errno.EMSGSIZE:
                return None
            self.close()
            if error.errno in (errno.ECONNREFUSED, errno.ECONNRESET, errno.ENOTCONN, errno.EPIPE):
                return None
            raise
        finally:
            os.close(far)
        return Pending(near)


class Pending:
    """A request on its way."""

    def __init__(self, near: int) -> None:
        self._near = near
        self._text = b""

    def fileno(self) -> int:
        """Readable when there is something to see."""
        return self._near

    def close(self) -> None:
        """Does not want to know any more."""
        if self._near >= 0:
            os.close(self._near)
        self._near = -1

    def receive(self, vm: str, timeout: float | None = 60.0) -> dict[str, Any]:
        """The answer; :class:`ramet.registry.control.Refused` when it is no."""
        if timeout is not None:
            poll = select.poll()
            poll.register(self._near, select.POLLIN)
            if not poll.poll(timeout * 1000):
                raise TimeoutExpired(
                    f"no clone within {timeout:g} s",
                    timeout=timeout,
                    hint="`ramet inspect` shows whether the template lives",
                    vm=vm,
                )
        try:
            # One line, written at once.
            line = os.read(self._near, 65536)
        finally:
            self.close()
        if not line:
            raise VMError("cannot clone: whoever was to become the clone was killed", hint="ask again", vm=vm)
        answer: dict[str, Any] = json.loads(line)
        if not answer.get("ok"):
            refused = Refused(f"cannot clone: {answer.get('error') or 'refused'}", vm=vm)
            refused.errno = answer.get("errno")
            raise refused
        return answer
