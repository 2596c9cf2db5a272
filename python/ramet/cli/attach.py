"""The foreground of a VM that is not our child: hands signals on, waits, reports the status."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from types import FrameType

from ramet.errors import RametError, VMError
from ramet.vm import VM

__all__ = ["attach"]

_HANDED_ON = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


def attach(vm: VM) -> int:
    """Waits for the end of a VM that has our streams, or whose terminal is ours to copy; returns its status."""

    def hand_on(number: int, _frame: FrameType | None) -> None:
        with contextlib.suppress(RametError):
            vm.signal(number)

    for number in _HANDED_ON:
        signal.signal(number, hand_on)
    if vm.tty:
        return _wait(vm, _terminal)
    return _wait(vm, VM.wait)


def _wait(vm: VM, wait: Callable[[VM], int]) -> int:
    try:
        return wait(vm)
    except VMError:
        # Its VMM has said so, on the same standard error.
        if vm.ended is None or not vm.ended.message:
            raise
        return vm.ended.status


def _terminal(vm: VM) -> int:
    from ramet.cli.relay import copy

    assert vm.stdin is not None
    master = vm.stdin.fileno()
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    signal.signal(signal.SIGWINCH, lambda *_: None)

    def on_signal() -> None:
        if signal.SIGWINCH in os.read(woken, 64):
            _resize(vm)

    with _raw():
        _resize(vm)
        copy(master, woken, on_signal)
    return vm.wait()


def _resize(vm: VM) -> None:
    with contextlib.suppress(OSError, RametError):
        size = os.get_terminal_size(0)
        vm.resize(size.lines, size.columns)


@contextlib.contextmanager
def _raw() -> Iterator[None]:
    import termios
    import tty

    if not os.isatty(0):
        yield
        return
    saved = termios.tcgetattr(0)
    tty.setraw(0)
    try:
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, saved)
