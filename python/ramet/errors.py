"""The exceptions that Ramet raises: one tree, rooted at :class:`RametError`.

``str(error)`` is one line for people: what failed and on what, then what to do about it (the hint).
The class tells programs which kind of failure it was.
"""

from __future__ import annotations

__all__ = [
    "BuildError",
    "CloneError",
    "HostError",
    "ImageError",
    "ImageNotFound",
    "ImageSpecError",
    "RametError",
    "StoreFull",
    "TemplateError",
    "TemplateNotFound",
    "TimeoutExpired",
    "UsageError",
    "VMCrashed",
    "VMError",
    "VMNotFound",
]


class RametError(Exception):
    """Any failure of Ramet.

    ``message`` says what failed and on what; ``hint``, when there is one, says what to do.
    ``vm`` is the name or id of the VM that the failure is about, or ``None``.
    """

    def __init__(self, message: str, *, hint: str | None = None, vm: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.vm = vm

    def __str__(self) -> str:
        text = self.message
        if self.vm is not None and self.vm not in text:
            text = f"VM {self.vm}: {text}"
        if self.hint:
            text = f"{text.rstrip('.')}; {self.hint}" if text else self.hint
        # Messages of other programs may hold line ends; an error stays one line.
        return " ".join(text.split())

    def __reduce__(self) -> tuple[object, ...]:
        # The default pickles positional arguments only; errors cross process boundaries with everything they say.
        return (_rebuild, (type(self), self.message, dict(self.__dict__)))


def _rebuild(kind: type[RametError], message: str, state: dict[str, object]) -> RametError:
    error = kind.__new__(kind)
    Exception.__init__(error, message)
    error.__dict__.update(state)
    return error


class UsageError(RametError, ValueError):
    """The caller asked for something that makes no sense: a bad option, a bad size, options that exclude each other."""


class HostError(RametError):
    """This host cannot do it: no ``/dev/kvm``, no permission, a program that is needed is missing."""


class ImageError(RametError):
    """An image, or the image store, is wrong."""


class ImageNotFound(ImageError, LookupError):
    """No image of that name or digest."""


class ImageSpecError(ImageError, UsageError):
    """A build specification has a wrong or unknown field."""


class BuildError(ImageError):
    """An image could not be built. Nothing of it is left behind."""


class StoreFull(BuildError):
    """The disk (or the quota) was full."""


class VMError(RametError):
    """A VM failed, or refused what was asked of it. ``vm`` names it."""


class VMCrashed(VMError):
    """The VM died under its program: its kernel, or the host, failed.

    ``status`` is 125, as `ramet run` would exit; ``stdout`` and ``stderr`` are what the program had written.
    """

    status = 125
    stdout = b""
    stderr = b""


class VMNotFound(VMError, LookupError):
    """No VM of that name or id."""


class TimeoutExpired(VMError, TimeoutError):
    """The time limit given by the caller passed. ``timeout`` is that limit, in seconds."""

    def __init__(
        self, message: str, *, timeout: float | None = None, hint: str | None = None, vm: str | None = None
    ) -> None:
        super().__init__(message, hint=hint, vm=vm)
        self.timeout = timeout


class CloneError(VMError):
    """A clone could not be made; ``vm`` names its parent, which is unharmed."""


class TemplateError(RametError):
    """A template failed or refused what was asked of it."""


class TemplateNotFound(TemplateError, LookupError):
    """No template of that name."""
