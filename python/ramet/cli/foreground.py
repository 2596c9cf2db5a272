"""The parent of a VMM in the foreground: hands signals on, restores the terminal, reports the exit status."""

from __future__ import annotations

import os
import signal
import sys

from ramet.errors import HostError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["supervise"]

_HANDED_ON = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
# A terminal sends these to the whole process group: the VMM has got its own.
_FROM_TERMINAL = (signal.SIGINT, signal.SIGQUIT)


def supervise(command: list[str], *, tty: bool) -> int:
    """Runs a VMM on our standard streams, or on a terminal made for it, and returns its exit status."""
    terminals = [os.isatty(descriptor) for descriptor in range(3)]
    if tty and not all(terminals):
        from ramet.cli.relay import relay

        return relay(command)
    saved = _save_terminal() if terminals[0] else None
    # Blocked before there is a child, so that none is lost; the child starts with none blocked.
    watched = {*_HANDED_ON, *_FROM_TERMINAL, signal.SIGCHLD}
    signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    try:
        pid = spawn(command, [])
        while True:
            number = signal.sigwait(watched)
            if number == signal.SIGCHLD:
                ended, status = os.waitpid(pid, os.WNOHANG)
                if ended:
                    return exit_status(status)
            elif number in _HANDED_ON or not any(terminals):
                os.kill(pid, number)
    finally:
        if saved is not None:
            import termios

            termios.tcsetattr(0, termios.TCSADRAIN, saved)


def spawn(command: list[str], actions: list[tuple[int, int, int]]) -> int:
    """Starts the VMM with default signal handling; returns its process id."""
    sys.stdout.flush()
    sys.stderr.flush()
    defaults = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT)
    try:
        return os.posix_spawn(command[0], command, os.environ, file_actions=actions, setsigmask=(), setsigdef=defaults)
    except OSError as error:
        raise HostError(f"cannot start the VMM {command[0]}: {error.strerror}", hint="see `ramet doctor`") from error


def exit_status(status: int) -> int:
    """From a wait status, as a shell has it."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _save_terminal() -> list[Any] | None:
    import termios

    try:
        return termios.tcgetattr(0)
    except termios.error:
        return None
