"""``-t`` where our own streams are not all one terminal: a pseudo-terminal, and a loop that copies to and from it."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import signal
import termios
import tty

from ramet.cli.foreground import exit_status, spawn
from ramet.streams import open_terminal

__all__ = ["copy", "relay"]

_END_OF_FILE = b"\x04"  # VEOF: what a person types to end the input
_HANDED_ON = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGINT, signal.SIGQUIT)


def relay(command: list[str]) -> int:
    """Runs the VMM on a pseudo-terminal; returns its exit status."""
    master, slave = open_terminal()
    _copy_size(master)
    pid = spawn(command, [(os.POSIX_SPAWN_DUP2, slave, descriptor) for descriptor in range(3)])
    os.close(slave)
    # What lets a signal interrupt poll(): its number arrives on a pipe.
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker)
    for number in (*_HANDED_ON, signal.SIGCHLD, signal.SIGWINCH):
        signal.signal(number, lambda *_: None)

    def on_signal() -> None:
        for number in os.read(woken, 64):
            if number == signal.SIGWINCH:
                _copy_size(master)
                os.kill(pid, number)
            elif number in _HANDED_ON:
                os.kill(pid, number)

    saved = termios.tcgetattr(0) if os.isatty(0) else None
    if saved is not None:
        tty.setraw(0)
    try:
        copy(master, woken, on_signal)
        return exit_status(os.waitpid(pid, 0)[1])
    finally:
        if saved is not None:
            termios.tcsetattr(0, termios.TCSADRAIN, saved)


def copy(master: int, woken: int, on_signal: object) -> None:
    """Copies standard input to the terminal and the terminal to standard output until its other side is closed."""
    poll = select.poll()
    for descriptor in (0, master, woken):
        poll.register(descriptor, select.POLLIN)
    while True:
        for descriptor, _ in poll.poll():
            if descriptor == woken:
                on_signal()  # type: ignore[operator]
                continue
            try:
                data = os.read(descriptor, 65536)
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
                data = b""
            if descriptor == master:
                if not data:
                    return
                with contextlib.suppress(BrokenPipeError):
                    _write(1, data)
            elif data:
                _write(master, data)
            else:
                poll.unregister(0)
                _write(master, _END_OF_FILE)


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _copy_size(master: int) -> None:
    for descriptor in range(3):
        if os.isatty(descriptor):
            size = fcntl.ioctl(descriptor, termios.TIOCGWINSZ, b"\0" * 8)
            fcntl.ioctl(master, termios.TIOCSWINSZ, size)
            return
