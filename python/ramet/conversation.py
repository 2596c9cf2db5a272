"""What goes on between the caller and a program in a VM: its streams, its end, its result."""

from __future__ import annotations

import contextlib
import os
import time
from typing import IO, TYPE_CHECKING

from ramet.errors import TimeoutExpired, UsageError, VMCrashed, VMError
from ramet.result import Output, Result
from ramet.streams import Exchange, run_exchanges

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ramet.registry import Ended

__all__ = ["Conversation"]


class Conversation:
    """What a VM and a process in one have in common."""

    def __init__(self, near: Sequence[int | None], *, tty: bool, status_pipe: int | None) -> None:
        self._status_pipe = status_pipe
        self._status_text = b""
        self._ended: Ended | None = None
        self._exchange: Exchange | None = None
        self.tty = tty
        self._set_streams(near)

    def _set_streams(self, near: Sequence[int | None]) -> None:
        """Takes the caller's ends of new streams."""
        self._stdin = None if near[0] is None else os.fdopen(near[0], "wb", buffering=0)
        self._stdout = None if near[1] is None else os.fdopen(near[1], "rb")
        self._stderr = None if near[2] is None else os.fdopen(near[2], "rb")
        self._exchange = None

    @property
    def name(self) -> str:
        """The name for error messages."""
        raise NotImplementedError

    def end_fileno(self) -> int | None:
        """A descriptor that becomes readable at the end, or ``None`` if that was seen or there is no process yet."""
        return self._status_pipe

    def see_end(self) -> bool:
        """Whether it has ended; notes how. Does not wait; worth a call when :meth:`end_fileno` is readable."""
        return self._ended is not None or self._read_status()

    @property
    def ended(self) -> Ended | None:
        """How it ended, once :meth:`wait` or :meth:`communicate` has seen it."""
        return self._ended

    @property
    def stdin(self) -> IO[bytes] | None:
        """The pipe to the program's standard input, unbuffered."""
        return self._stdin

    @property
    def stdout(self) -> IO[bytes] | None:
        """The pipe from the program's standard output."""
        return self._stdout

    @property
    def stderr(self) -> IO[bytes] | None:
        """The pipe from the program's standard error."""
        return self._stderr

    def communicate(self, input: bytes | str | None = None, *, timeout: float | None = None) -> Result:
        """Writes the input, closes it, reads all output and waits for the end.

        Raises :class:`ramet.TimeoutExpired` when ``timeout`` seconds are over; it goes on, and a second call
        goes on reading where the first one stopped.
        """
        run_exchanges([self.exchange(input)], timeout)
        assert self._exchange is not None
        return self._exchange.result()

    def exchange(self, input: bytes | str | None = None) -> Exchange:
        """The running exchange with this VM; started if there is none."""
        if self._exchange is None:
            self._exchange = Exchange(self, input.encode() if isinstance(input, str) else input)
        elif input is not None:
            raise UsageError("the input has been sent already", vm=self.name)
        return self._exchange

    def wait(self, timeout: float | None = None) -> int:
        """Waits for the end and returns the exit status. Reads no output: a program that fills a pipe never ends."""
        import select

        limit = None if timeout is None else time.monotonic() + timeout
        while not self.see_end():
            descriptor = self.end_fileno()
            if descriptor is None:
                time.sleep(0.001)  # starting: its process is not known yet
            else:
                poll = select.poll()
                poll.register(descriptor, select.POLLIN)
                poll.poll(None if limit is None else max(0, (limit - time.monotonic()) * 1000))
            if limit is not None and time.monotonic() >= limit and not self.see_end():
                raise TimeoutExpired(
                    f"still running after {timeout:g} s",
                    timeout=timeout,
                    hint="give it more time, or kill() it",
                    vm=self.name,
                )
        return self.finish(b"", b"").status

    def _read_status(self) -> bool:
        import select

        assert self._status_pipe is not None
        poll = select.poll()
        poll.register(self._status_pipe, select.POLLIN)
        while poll.poll(0):
            data = os.read(self._status_pipe, 65536)
            if data:
                self._status_text += data
                continue
            self._set_ended(_parse_status(self._status_text))
            return True
        return False

    def _set_ended(self, ended: Ended) -> None:
        self._ended = ended
        if self._status_pipe is not None:
            os.close(self._status_pipe)
        self._status_pipe = None

    def finish(self, stdout: bytes, stderr: bytes) -> Result:
        """The result, once the end was seen."""
        ended = self._ended
        assert ended is not None
        if ended.reason == "failed":
            said = ended.message or Output(stderr).text.strip().rpartition("\n")[2] or f"status {ended.status}"
            raise VMError(
                f"the program could not run: {said.removeprefix('ramet: ')}",
                hint=_NOT_RUN.get(ended.status, "`ramet doctor` looks at the host"),
                vm=self.name,
            )
        if ended.reason == "crashed":
            crash = VMCrashed(
                ended.message or "it died while its program ran",
                hint="what the program had written is in the error's stdout and stderr",
                vm=self.name,
            )
            crash.status, crash.stdout, crash.stderr = ended.status, Output(stdout), Output(stderr)
            raise crash
        return Result(self.name, ended, stdout, stderr)

    def close_streams(self) -> None:
        """Closes the caller's ends of the streams."""
        for stream in (self._stdin, self._stdout, self._stderr):
            if stream is not None and not stream.closed:
                with contextlib.suppress(OSError):
                    stream.close()


_NOT_RUN = {126: "make it executable in the image", 127: "give the path of a program that the image has"}


def _parse_status(text: bytes) -> Ended:
    import json

    from ramet.registry import Ended

    try:
        return Ended.parse(json.loads(text))
    except (ValueError, AttributeError, TypeError):
        return Ended.from_outside()
