"""A pseudo-terminal with a user at its keyboard: for tests that wait for what the screen shows."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time

from limits import LIMIT

ROWS, COLUMNS = 31, 97


class Terminal:
    """A program on a pseudo-terminal, and its user."""

    def __init__(self, command: list[str]) -> None:
        self.master, slave = pty.openpty()
        self.resize(ROWS, COLUMNS)
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        self.seen = b""

    def resize(self, rows: int, columns: int) -> None:
        """Sets the window's size."""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def drag(self, rows: int, columns: int) -> None:
        """Changes the window's size while the program runs."""
        self.resize(rows, columns)
        os.kill(self.process.pid, signal.SIGWINCH)

    def type(self, keys: str) -> None:
        """Presses keys."""
        os.write(self.master, keys.encode())

    def expect(self, text: str, timeout: float = LIMIT) -> str:
        """Waits until the screen shows the text; gives all that came up to it."""
        end = time.monotonic() + timeout
        wanted = text.encode()
        while wanted not in self.seen:
            ready, _, _ = select.select([self.master], [], [], max(0.0, end - time.monotonic()))
            data = b""
            with contextlib.suppress(OSError):
                data = os.read(self.master, 65536) if ready else b""
            assert data, f"{text!r} did not come, but {len(self.seen)} bytes that end with {self.seen[-500:]!r}"
            self.seen += data
        before, _, self.seen = self.seen.partition(wanted)
        return (before + wanted).decode(errors="replace")

    def close(self) -> int:
        """Waits for the end; gives the exit status."""
        try:
            return self.process.wait(LIMIT)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            os.close(self.master)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "ramet", *arguments]
