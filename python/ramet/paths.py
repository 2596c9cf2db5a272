"""Where Ramet keeps its state, and where its own executables are.

=================  =====================================================  ==================================
what               default                                                with ``RAMET_HOME``
=================  =====================================================  ==================================
images             ``$XDG_DATA_HOME/ramet`` (``~/.local/share/ramet``)    ``$RAMET_HOME``
VMs, templates     ``$XDG_RUNTIME_DIR/ramet`` (see `runtime_home`)        ``$RAMET_HOME/run``
downloads          ``$XDG_CACHE_HOME/ramet`` (``~/.cache/ramet``)         ``$RAMET_HOME/cache``
=================  =====================================================  ==================================

``RAMET_VMM`` and ``RAMET_KERNEL`` name another VMM executable or guest kernel, for development.
Directories are made when they are first asked for, with mode 0700.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

from ramet.errors import HostError

__all__ = [
    "bin_dir",
    "cache_home",
    "data_home",
    "images_dir",
    "kernel_path",
    "runtime_home",
    "templates_dir",
    "vmm_path",
    "vms_dir",
]


def _xdg(variable: str) -> Path | None:
    """The directory an XDG variable names; the XDG specification says to ignore relative ones."""
    value = os.environ.get(variable, "")
    return Path(value) if value.startswith("/") else None


def _ramet_home() -> Path | None:
    value = os.environ.get("RAMET_HOME", "")
    return Path(os.path.abspath(value)) if value else None


def _user_home() -> Path:
    try:
        return Path.home()
    except RuntimeError as error:
        raise HostError("the home directory is unknown", hint="set HOME or RAMET_HOME") from error


def _private(path: Path) -> Path:
    """Makes the directory with mode 0700, and refuses one that belongs to somebody else."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        state = os.stat(path)
    except FileExistsError as error:
        raise HostError(f"{path} is not a directory", hint="move it away or set RAMET_HOME") from error
    except OSError as error:
        raise HostError(
            f"cannot make the directory {path}: {error.strerror}", hint="set RAMET_HOME to a directory you may write"
        ) from error
    if state.st_uid != os.geteuid() and os.geteuid() != 0:
        raise HostError(f"{path} belongs to another user", hint="set RAMET_HOME to a directory of your own")
    return path


def data_home() -> Path:
    """What outlives a reboot: the images."""
    home = _ramet_home()
    if home is not None:
        return _private(home)
    return _private((_xdg("XDG_DATA_HOME") or _user_home() / ".local/share") / "ramet")


def runtime_home() -> Path:
    """What does not outlive a reboot: VMs, templates, sockets, locks.

    Without ``XDG_RUNTIME_DIR``: ``/run/user/UID`` if there is one of ours, ``/run`` for root, else ``/tmp/ramet-UID``,
    which must be a real directory of ours (``/tmp`` is everybody's).
    """
    home = _ramet_home()
    if home is not None:
        return _private(_private(home) / "run")
    xdg = _xdg("XDG_RUNTIME_DIR")
    if xdg is not None:
        return _private(xdg / "ramet")
    uid = os.geteuid()
    user_run = Path(f"/run/user/{uid}")
    if user_run.is_dir() and os.access(user_run, os.W_OK | os.X_OK) and user_run.stat().st_uid == uid:
        return _private(user_run / "ramet")
    if uid == 0:
        return _private(Path("/run/ramet"))
    path = Path(f"/tmp/ramet-{uid}")
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        state = os.lstat(path)
    except OSError as error:
        raise HostError(f"cannot make {path}: {error.strerror}", hint="set XDG_RUNTIME_DIR or RAMET_HOME") from error
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != uid or state.st_mode & 0o077:
        raise HostError(
            f"{path} is not a private directory of this user", hint="remove it or set XDG_RUNTIME_DIR or RAMET_HOME"
        )
    return path


def cache_home() -> Path:
    """What can be had again: downloaded packages."""
    home = _ramet_home()
    if home is not None:
        return _private(_private(home) / "cache")
    return _private((_xdg("XDG_CACHE_HOME") or _user_home() / ".cache") / "ramet")


def images_dir() -> Path:
    """The image store."""
    return _private(data_home() / "images")


def vms_dir() -> Path:
    """One directory for each VM, named by its id."""
    return _private(runtime_home() / "vms")


def templates_dir() -> Path:
    """One entry for each template."""
    return _private(runtime_home() / "templates")


def bin_dir() -> Path:
    """Where the wheel puts the guest kernel (and a developer may put a VMM)."""
    return Path(__file__).resolve().parent / "_bin"


def _installed_scripts(name: str) -> list[Path]:
    """Where pip may have put an executable of our wheel: beside Python's own, or beside the package."""
    package = Path(__file__).resolve().parent
    return [
        Path(sys.prefix) / "bin" / name,  # a virtual environment, editable installations included
        package.parents[3] / "bin" / name,  # PREFIX/lib/pythonX.Y/site-packages/ramet: --user, --prefix
        package.parent / "bin" / name,  # --target
    ]


def _recorded_script(name: str) -> Path | None:
    """The slow, sure way: the installed distribution's list of files."""
    from importlib import metadata

    try:
        files = metadata.files("ramet") or []
    except metadata.PackageNotFoundError:
        return None
    for entry in files:
        if entry.name == name:
            return Path(os.path.realpath(entry.locate()))
    return None


def _override(variable: str, what: str) -> Path | None:
    value = os.environ.get(variable, "")
    if not value:
        return None
    path = Path(os.path.abspath(value))
    if not path.is_file():
        raise HostError(f"{what} named by {variable} is missing: {path}", hint=f"unset {variable} or correct it")
    return path


def _missing(what: str, path: Path) -> HostError:
    return HostError(f"{what} is missing from this installation: {path}", hint="run `pip install .` or `make setup`")


def vmm_path() -> Path:
    """The VMM executable (``RAMET_VMM`` overrides)."""
    path = _override("RAMET_VMM", "the VMM")
    if path is None:
        wanted = bin_dir() / "ramet-vmm"
        found = (candidate for candidate in [wanted, *_installed_scripts("ramet-vmm")] if candidate.is_file())
        path = next(found, None) or _recorded_script("ramet-vmm")
        if path is None:
            raise _missing("the VMM", wanted)
    if not os.access(path, os.X_OK):
        raise HostError(f"the VMM is not executable: {path}", hint=f"chmod +x {path}")
    return path


def kernel_path() -> Path:
    """The guest kernel (``RAMET_KERNEL`` overrides)."""
    path = _override("RAMET_KERNEL", "the guest kernel") or bin_dir() / "ramet-kernel"
    if not path.is_file():
        raise _missing("the guest kernel", path)
    return path
