"""Ramet: fork() for virtual machines.

Run an unmodified Linux program in a VM of its own, freeze it once it is warm, clone it in less than a millisecond::

    import ramet

    with ramet.run("python", ["python3", "-c", "print(6*7)"]) as vm:
        print(vm.communicate().stdout)

    template = ramet.freeze("python", ["python3", "warm.py"])   # runs until it says ready
    vm = template.clone(input="...")                            # one independent VM

``docs/howto/python-api.md`` is the whole of it on one page; ``ramet.aio`` is the same for asyncio.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ramet.api import freeze as freeze
    from ramet.api import run as run
    from ramet.errors import BuildError as BuildError
    from ramet.errors import CloneError as CloneError
    from ramet.errors import HostError as HostError
    from ramet.errors import ImageError as ImageError
    from ramet.errors import ImageNotFound as ImageNotFound
    from ramet.errors import ImageSpecError as ImageSpecError
    from ramet.errors import RametError as RametError
    from ramet.errors import StoreFull as StoreFull
    from ramet.errors import TemplateError as TemplateError
    from ramet.errors import TemplateNotFound as TemplateNotFound
    from ramet.errors import TimeoutExpired as TimeoutExpired
    from ramet.errors import UsageError as UsageError
    from ramet.errors import VMCrashed as VMCrashed
    from ramet.errors import VMError as VMError
    from ramet.errors import VMNotFound as VMNotFound
    from ramet.image import build as build
    from ramet.process import Process as Process
    from ramet.result import Output as Output
    from ramet.result import Result as Result
    from ramet.streams import DEVNULL as DEVNULL
    from ramet.streams import PIPE as PIPE
    from ramet.streams import gather as gather
    from ramet.template import Template as Template
    from ramet.vm import VM as VM

__version__ = "0.1.0"

# Where each public name lives. Loaded when it is first asked for: the command line imports this package too, and
# `ramet run` has a budget of milliseconds.
_HOMES = {
    "ramet.api": ("freeze", "run"),
    "ramet.image": ("build",),
    "ramet.errors": (
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
    ),
    "ramet.process": ("Process",),
    "ramet.result": ("Output", "Result"),
    "ramet.streams": ("DEVNULL", "PIPE", "gather"),
    "ramet.template": ("Template",),
    "ramet.vm": ("VM",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "DEVNULL",
    "PIPE",
    "VM",
    "BuildError",
    "CloneError",
    "HostError",
    "ImageError",
    "ImageNotFound",
    "ImageSpecError",
    "Output",
    "Process",
    "RametError",
    "Result",
    "StoreFull",
    "Template",
    "TemplateError",
    "TemplateNotFound",
    "TimeoutExpired",
    "UsageError",
    "VMCrashed",
    "VMError",
    "VMNotFound",
    "__version__",
    "aio",
    "build",
    "freeze",
    "gather",
    "run",
]


def __getattr__(name: str) -> object:
    import importlib

    if name == "aio":
        return importlib.import_module("ramet.aio")
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'ramet' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
