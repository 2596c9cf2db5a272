"""What a VM leaves behind: its exit status and its output."""

from __future__ import annotations

from ramet.errors import VMError
from ramet.registry.entry import Ended

__all__ = ["Output", "Result"]


_WHAT_TO_DO = {
    "timeout": "give it more time",
    "killed": "somebody ended it; with less memory than it needs, that was the host's kernel",
    "signal": "run it with strace=True to see its last calls",
}


class Output(bytes):
    """Bytes that a program wrote. Printing them, or ``str()``, gives them as text (UTF-8)."""

    @property
    def text(self) -> str:
        """The bytes as text; what is not UTF-8 becomes U+FFFD."""
        return self.decode("utf-8", "replace")

    def __str__(self) -> str:
        return self.text


class Result:
    """How a VM ended and what it wrote.

    ``status`` is the program's exit status, 128+n when signal n ended it, 124 when its time limit did, 137 when the VM
    was killed. ``reason`` is ``exited``, ``signal``, ``timeout`` or ``killed``.
    """

    __slots__ = ("ended", "stderr", "stdout", "vm")

    def __init__(self, vm: str, ended: Ended, stdout: bytes = b"", stderr: bytes = b"") -> None:
        self.vm = vm
        self.ended = ended
        self.stdout = Output(stdout)
        self.stderr = Output(stderr)

    @property
    def status(self) -> int:
        """The exit status."""
        return self.ended.status

    @property
    def reason(self) -> str:
        """Why the VM ended."""
        return self.ended.reason

    @property
    def ok(self) -> bool:
        """Whether the program exited with status 0."""
        return self.ended.status == 0

    def check(self) -> Result:
        """Returns this result; raises :class:`ramet.VMError` unless the program exited with status 0."""
        if not self.ok:
            last = self.stderr.text.strip().rpartition("\n")[2]
            raise VMError(
                f"the program ended with status {self.status} ({self.reason})" + (f": {last}" if last else ""),
                hint=_WHAT_TO_DO.get(self.reason, "what it wrote is in the result's stdout and stderr"),
                vm=self.vm,
            )
        return self

    def __repr__(self) -> str:
        return (
            f"Result(vm={self.vm!r}, status={self.status}, reason={self.reason!r}, "
            f"stdout={bytes(self.stdout)!r}, stderr={bytes(self.stderr)!r})"
        )
