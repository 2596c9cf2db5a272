"""``ramet exec``."""

from __future__ import annotations

import contextlib
import os
import signal
import sys

from ramet import registry
from ramet.cli.options import environment, program
from ramet.errors import RametError, UsageError, VMError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator
    from types import FrameType

    from ramet.process import Process

__all__ = ["configure", "run"]

_HANDED_ON = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
_REMAINDER = "..."  # argparse.REMAINDER


def configure(parser: ArgumentParser) -> None:
    """Adds the options."""
    add = parser.add_argument
    parser.description = (
        "Run one more program in a running VM: a process of the VM's session, beside the one that it was\n"
        "started with and nobody's child. It has these standard streams, and ends with the VM. Exits with its\n"
        "status; signals sent to this command go to it."
    )
    add("-i", "--interactive", action="store_true", help="standard input is connected in any case")
    add("-t", "--tty", action="store_true", help="give the program a terminal of its own")
    add("-e", "--env", metavar="NAME[=VALUE]", action="append", default=[], help="set a variable (repeatable)")
    add("-w", "--workdir", metavar="DIR", help="working directory (default: that of the VM's program at its start)")
    add("-u", "--user", metavar="USER", help="uid[:gid] or a name of the image")
    add("vm", metavar="VM", help="name or id")
    add("command", metavar="CMD [ARG...]", nargs=_REMAINDER, help="what to run")


def run(options: Namespace) -> int:
    """Runs the program; returns its status."""
    from ramet.process import start

    command = program(options.command)
    if not command:
        raise UsageError("no program to run", hint="write `ramet exec VM CMD`")
    entry = registry.find(options.vm)
    with _raw(options.tty):
        process = start(
            entry,
            command,
            environment(options.env),
            options.workdir,
            options.user,
            (None, None, None),
            tty=options.tty,
            terminal=_size() if options.tty else None,
        )
        _hand_on(process, options.tty)
        try:
            return process.wait()
        except VMError as error:
            if process.ended is None:
                raise
            print(f"ramet: {error}", file=sys.stderr)
            return process.ended.status


def _hand_on(process: Process, tty: bool) -> None:
    def send(number: int, _frame: FrameType | None) -> None:
        with contextlib.suppress(RametError):
            process.signal(number)

    def resize(_number: int, _frame: FrameType | None) -> None:
        with contextlib.suppress(RametError):
            process.resize(*_size())

    for number in _HANDED_ON:
        signal.signal(number, send)
    if tty:
        signal.signal(signal.SIGWINCH, resize)
        # It may have changed since it was asked for.
        resize(0, None)


def _size() -> tuple[int, int]:
    for descriptor in range(3):
        with contextlib.suppress(OSError):
            size = os.get_terminal_size(descriptor)
            return size.lines, size.columns
    return 24, 80


@contextlib.contextmanager
def _raw(tty: bool) -> Iterator[None]:
    """Our terminal is to hand on every key: the one in the VM knows what they mean."""
    if not tty or not os.isatty(0):
        yield
        return
    import termios
    from tty import setraw

    saved = termios.tcgetattr(0)
    setraw(0)
    try:
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, saved)
