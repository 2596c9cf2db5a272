"""``ramet kill``, ``pause`` and ``resume``."""

from __future__ import annotations

import signal

from ramet.cli.output import complain
from ramet.errors import RametError, UsageError
from ramet.vm import VM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable

__all__ = ["configure_kill", "configure_pause", "configure_resume", "run_kill", "run_pause", "run_resume"]


def _configure(parser: ArgumentParser) -> None:
    parser.add_argument("vms", metavar="VM", nargs="+", help="name or id")


def configure_kill(parser: ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("-s", "--signal", metavar="SIG", help="name or number (default: end the VM, as KILL does)")
    _configure(parser)


configure_pause = _configure
configure_resume = _configure


def _each(options: Namespace, action: Callable[[VM], object]) -> int:
    """Does it to every VM that is named, whatever happens to the others."""
    failed = 0
    for reference in options.vms:
        try:
            action(VM.find(reference))
        except UsageError:
            raise
        except RametError as error:
            complain(error)
            failed = 1
    return failed


def run_kill(options: Namespace) -> int:
    """Sends the signal."""
    number = signal.SIGKILL if options.signal is None else _signal(options.signal)

    def kill(vm: VM) -> None:
        if number != signal.SIGKILL:
            vm.signal(number)
            return
        if vm.state in ("exited", "killed"):
            vm.info()  # says that it is not running
        vm.kill()
        vm.wait(10)

    return _each(options, kill)


def run_pause(options: Namespace) -> int:
    """Pauses."""
    return _each(options, VM.pause)


def run_resume(options: Namespace) -> int:
    """Resumes."""
    return _each(options, VM.resume)


def _signal(text: str) -> int:
    if text.isdecimal() and 0 < int(text) <= 64:
        return int(text)
    name = text.upper()
    try:
        return signal.Signals["SIG" + name.removeprefix("SIG")]
    except KeyError:
        raise UsageError(f"{text!r} is not a signal", hint="write TERM, SIGTERM or 15") from None
