"""The standard streams of VMs: pipes, and one loop that drives any number of them from one thread."""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import time
from collections.abc import Iterable, Sequence
from typing import IO, TYPE_CHECKING, Any, Final

from ramet.errors import HostError, RametError, TimeoutExpired, UsageError
from ramet.result import Result

if TYPE_CHECKING:
    from ramet.conversation import Conversation
    from ramet.vm import VM

__all__ = ["DEVNULL", "PIPE", "Exchange", "Stream", "Streams", "gather", "make_room", "open_terminal"]

#: A pipe, whose other end is ``vm.stdin``, ``vm.stdout`` or ``vm.stderr``.
PIPE: Final = -1
#: ``/dev/null``.
DEVNULL: Final = -3

#: What can be given for a standard stream: `PIPE`, `DEVNULL`, a descriptor, a file, or None for the caller's own.
Stream = int | IO[Any] | None

# Writes of at most this many bytes to a pipe that is ready do not block (POSIX: PIPE_BUF is at least 512, Linux: 4096).
_WRITE = 4096
_READ = 1 << 16


def open_terminal() -> tuple[int, int]:
    """A pseudo-terminal for a VMM: its two ends.

    Raw from the start, as the VMM sets it later: what is written before then must neither be echoed here (the guest's
    own terminal does that) nor held back or changed; an early ^D would become a byte 0.
    """
    import termios
    import tty

    master, slave = os.openpty()
    tty.setraw(slave)
    attributes = termios.tcgetattr(slave)
    attributes[1] |= termios.OPOST  # a message of the VMM itself has ends of lines
    termios.tcsetattr(slave, termios.TCSANOW, attributes)
    return master, slave


def _like_ours(terminal: int) -> None:
    """Makes its window as large as that of the terminal we are on, if we are on one: the program may ask at once."""
    import fcntl
    import struct
    import termios

    with contextlib.suppress(OSError):
        size = os.get_terminal_size(0)
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", size.lines, size.columns, 0, 0))


class Streams:
    """The three descriptors for a VM, and the caller's ends of those that are pipes (or of the one pseudo-terminal)."""

    def __init__(self, stdin: Stream, stdout: Stream, stderr: Stream, *, tty: bool = False) -> None:
        self.child: list[int] = []
        self.near: list[int | None] = []
        self._close: list[int] = []
        try:
            if tty:
                master, slave = open_terminal()
                self._close.append(slave)
                _like_ours(slave)
                self.child = [slave] * 3
                self.near = [master, os.dup(master), None]
                return
            for number, stream in enumerate((stdin, stdout, stderr)):
                self._open(number, stream)
        except BaseException as error:
            self.abandon()
            if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
                raise HostError("too many open files", hint="close some VMs, or raise `ulimit -n`") from error
            raise

    def _open(self, number: int, stream: Stream) -> None:
        near: int | None = None
        if stream is None:
            child = number
        elif isinstance(stream, int):
            if stream == PIPE:
                reader, writer = os.pipe()
                child, near = (reader, writer) if number == 0 else (writer, reader)
                self._close.append(child)
            elif stream == DEVNULL:
                child = os.open(os.devnull, (os.O_RDONLY if number == 0 else os.O_WRONLY) | os.O_CLOEXEC)
                self._close.append(child)
            elif stream >= 0:
                child = stream
            else:
                raise UsageError(f"{stream} is not a stream", hint="give PIPE, DEVNULL, a file or a descriptor")
        else:
            child = stream.fileno()
        self.child.append(child)
        self.near.append(near)

    def started(self) -> None:
        """The VM has its descriptors: closes the caller's copies of them."""
        for descriptor in self._close:
            os.close(descriptor)
        self._close.clear()

    def abandon(self) -> None:
        """Closes everything."""
        self.started()
        for descriptor in self.near:
            if descriptor is not None:
                os.close(descriptor)
        self.near.clear()


def make_room(descriptors: int) -> None:
    """Raises this process's soft limit on open files so that as many more fit, as far as the hard limit goes."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = descriptors + 256
    with os.scandir("/proc/self/fd") as directory:
        wanted += sum(1 for _ in directory)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard) if hard != -1 else wanted, hard))


class Exchange:
    """What goes on between the caller and one VM until it ends: input to write, output to read, the end to see."""

    def __init__(self, vm: Conversation, data: bytes | None = None) -> None:
        self.vm = vm
        self._input = memoryview(data or b"")
        self._output: dict[int, list[bytes]] = {}
        #: Descriptors that are still to be watched, and for what.
        self.watch: dict[int, int] = {}
        if vm.stdin is not None and not vm.stdin.closed:
            if self._input:
                self.watch[vm.stdin.fileno()] = selectors.EVENT_WRITE
            elif not vm.tty:
                vm.stdin.close()
        elif data:
            raise UsageError("the VM's standard input is not a pipe", hint="start it with stdin=ramet.PIPE", vm=vm.name)
        self._stdout = self._watch_output(vm.stdout)
        self._stderr = self._watch_output(vm.stderr)
        self._end = vm.end_fileno()
        if self._end is not None:
            self.watch[self._end] = selectors.EVENT_READ

    def _watch_output(self, stream: IO[bytes] | None) -> list[bytes]:
        chunks: list[bytes] = []
        if stream is not None and not stream.closed:
            self._output[stream.fileno()] = chunks
            self.watch[stream.fileno()] = selectors.EVENT_READ
        return chunks

    @property
    def done(self) -> bool:
        """Whether the VM has ended and its output has been read to the end."""
        return not self.watch

    def ready(self, descriptor: int) -> bool:
        """Does what is to do on a ready descriptor; false when it is not to be watched any longer."""
        if descriptor == self._end:
            if not self.vm.see_end():
                return True
            # Nobody reads any more: input that is left over has nowhere to go.
            self._input = self._input[:0]
        elif descriptor in self._output:
            try:
                data = os.read(descriptor, _READ)
            except OSError as error:
                if error.errno != errno.EIO:  # a pseudo-terminal's way to say that the other side has closed
                    raise
                data = b""
            if data:
                self._output[descriptor].append(data)
                return True
        else:
            try:
                self._input = self._input[os.write(descriptor, self._input[:_WRITE]) :]
            except BrokenPipeError:
                self._input = self._input[:0]
            if self._input:
                return True
            if self.vm.stdin is not None and not self.vm.tty:
                del self.watch[descriptor]
                self.vm.stdin.close()
                return False
        del self.watch[descriptor]
        return False

    def result(self) -> Result:
        """How the VM ended and what it wrote; raises :class:`ramet.VMError` if Ramet failed before the program ran."""
        self.vm.close_streams()
        return self.vm.finish(b"".join(self._stdout), b"".join(self._stderr))


def run_exchanges(exchanges: Sequence[Exchange], timeout: float | None) -> None:
    """Drives the exchanges until all are done; raises :class:`ramet.TimeoutExpired` when the time is over."""
    limit = None if timeout is None else time.monotonic() + timeout
    with selectors.DefaultSelector() as selector:
        left = 0
        for exchange in exchanges:
            for descriptor, events in exchange.watch.items():
                selector.register(descriptor, events, exchange)
                left += 1
        while left:
            remaining = None if limit is None else limit - time.monotonic()
            if remaining is not None and remaining <= 0:
                late = next(exchange for exchange in exchanges if not exchange.done)
                raise TimeoutExpired(
                    f"still running after {timeout:g} s",
                    timeout=timeout,
                    hint="give it more time, or kill() it",
                    vm=late.vm.name,
                )
            for key, _ in selector.select(remaining):
                exchange = key.data
                # Unregistered before it may be closed; a closed descriptor's number may come back.
                selector.unregister(key.fd)
                if exchange.ready(key.fd):
                    selector.register(key.fd, key.events, exchange)
                else:
                    left -= 1


def gather(vms: Iterable[VM | RametError], *, timeout: float | None = None) -> list[Result | RametError]:
    """Waits for many VMs at once and collects their output; one result or error for each, in order.

    Errors among ``vms`` (as :meth:`Template.clone` returns them) are handed through. When ``timeout`` seconds are
    over, :class:`ramet.TimeoutExpired` is raised and the VMs go on.
    """
    items = list(vms)
    exchanges = [item if isinstance(item, RametError) else Exchange(item) for item in items]
    run_exchanges([exchange for exchange in exchanges if isinstance(exchange, Exchange)], timeout)
    results: list[Result | RametError] = []
    for exchange in exchanges:
        if isinstance(exchange, RametError):
            results.append(exchange)
            continue
        try:
            results.append(exchange.result())
        except RametError as error:
            results.append(error)
    return results
