"""A VM frozen at a chosen point, from which clones are made."""

from __future__ import annotations

import contextlib
import os
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ramet import paths, registry
from ramet.cloning import Parent
from ramet.errors import RametError, TemplateError, TemplateNotFound, UsageError, VMError
from ramet.registry import Entry
from ramet.registry.control import connect
from ramet.registry.vms import check_name, link, unlink

if TYPE_CHECKING:
    import subprocess

__all__ = ["Template", "freeze_entry"]


class Template(Parent):
    """A frozen VM. Made by :func:`ramet.freeze`, :meth:`VM.freeze` and :meth:`Template.find`.

    A template without a name belongs to the object, and goes with it; one with a name stays until it is removed.
    As a context manager it is removed when the block is left. Its clones live on.
    """

    def __init__(self, entry: Entry, *, child: subprocess.Popen[bytes] | None = None, owned: bool = False) -> None:
        super().__init__(entry)
        self._child = child
        self._finalizer = weakref.finalize(self, _discard, entry, child, os.getpid()) if owned else None

    @classmethod
    def find(cls, name: str) -> Template:
        """The template of that name, or the one whose VM has that id."""
        directory = paths.templates_dir()
        try:
            entry = Entry(paths.vms_dir() / (directory / check_name(name)).readlink().name)
            if entry.directory.is_dir():
                return cls(entry)
        except (OSError, RametError):
            pass
        with contextlib.suppress(RametError):
            entry = registry.find(name)
            if entry.status().state == "frozen":
                return cls(entry)
        raise TemplateNotFound(f"no template named {name!r}", hint="`ramet template ls` lists them")

    @classmethod
    def list(cls) -> Sequence[Template]:
        """All templates that have a name."""
        found = []
        for path in sorted(paths.templates_dir().iterdir()):
            with contextlib.suppress(OSError):
                entry = Entry(paths.vms_dir() / path.readlink().name)
                if entry.directory.is_dir():
                    found.append(cls(entry))
        return found

    @property
    def id(self) -> str:
        """The id of the frozen VM."""
        return self._entry.id

    @property
    def name(self) -> str:
        """The name it was frozen under, or the id."""
        from ramet.registry.vms import template_name

        return template_name(self._entry) or self._entry.name

    @property
    def directory(self) -> Path:
        """The directory with the frozen VM's files."""
        return self._entry.directory

    @property
    def state(self) -> str:
        """``frozen``; anything else means that it cannot be cloned any more."""
        return self._entry.status().state

    @property
    def pid(self) -> int | None:
        """The process id of its VMM on the host."""
        process = self._entry.process()
        return process[0] if process else None

    @property
    def record(self) -> dict[str, Any]:
        """What it was made from: ``image``, ``image_digest``, ``args``, ``created``."""
        return dict(self._entry.record)

    def set_pool(self, target: int, maximum: int | None = None) -> None:
        """How many clones are made ahead: ``target`` when nobody has asked for a while, ``maximum`` however many are
        asked for (without it: the larger of ``target`` and 64). With 0 and 0 each clone is made when it is asked for.
        """
        with connect(self._entry) as control:
            control.call({"op": "pool", "pool": pool_settings(target, maximum)})

    def remove(self) -> None:
        """Ends the frozen VM and removes it. Its clones live on."""
        if self._finalizer is not None:
            self._finalizer.detach()
        registry.remove(self._entry, force=True)
        if self._child is not None:
            self._child.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()

    def __repr__(self) -> str:
        return f"<ramet.Template {self.name}>"


def freeze_entry(
    entry: Entry,
    name: str | None,
    *,
    on_ready: bool,
    timeout: float | None,
    pool: int | None = None,
    pool_maximum: int | None = None,
    working_set: bool = True,
    resettable: bool = False,
    child: subprocess.Popen[bytes] | None = None,
) -> Template:
    """Freezes a VM, and takes the name. A VM that cannot be frozen, or whose name is taken, goes on as it was."""
    directory = paths.templates_dir()
    request: dict[str, Any] = {"op": "freeze"}
    if pool is not None or pool_maximum is not None or not working_set:
        sizes = pool_settings(_POOL if pool is None else pool, pool_maximum)
        request["pool"] = {**sizes, "working_set": working_set}
    if resettable:
        request["resettable"] = True
    if name is not None:
        check_name(name, "template name")
        # Before the link: whoever removes the VM finds the link by it, whatever becomes of us.
        note = entry.directory / "template"
        try:
            note.write_text(name)
            link(directory, name, entry)
        except FileExistsError as error:
            note.unlink(missing_ok=True)
            raise TemplateError(
                f"the template name {name!r} is taken",
                hint=f"choose another one, or remove it with `ramet template rm {name}`",
            ) from error
    try:
        started = time.monotonic()
        with connect(entry) as control:
            if on_ready:
                control.wait_ready(timeout)
            left = None if timeout is None else max(1.0, timeout - (time.monotonic() - started))
            control.call(request, timeout=left if left is not None else 60.0)
    except BaseException as error:
        if name is not None:
            unlink(directory, name, entry)
            with contextlib.suppress(OSError):
                note.unlink()
        if isinstance(error, VMError):
            raise _why_not(entry, error) from error
        raise
    return Template(entry, child=child, owned=name is None)


# As the VMM has it (`crates/vmm/src/clone/settings.rs`).
_POOL = 2
_POOL_MAXIMUM = 64
_POOL_MOST = 10_000


def pool_settings(target: int, maximum: int | None) -> dict[str, int]:
    """The sizes of a pool as the VMM takes them; raises :class:`UsageError`."""
    if maximum is None:
        maximum = max(target, _POOL_MAXIMUM)
    if not 0 <= target <= maximum <= _POOL_MOST:
        raise UsageError(
            f"{target} to {maximum} clones cannot be made ahead",
            hint=f"the target is at least 0 and at most the maximum, which is at most {_POOL_MOST}",
        )
    return {"target": target, "maximum": maximum}


def _why_not(entry: Entry, error: VMError) -> VMError:
    """The error of a failed freeze, with the program's last words if it has ended."""
    ended = entry.ended()
    if ended is None:
        return error
    if ended.reason == "failed":
        return VMError(
            f"the program could not run: {ended.message or 'the VMM did not say why'}",
            hint="`ramet run` it first, to see that it works",
            vm=entry.name,
        )
    last = ended.message or ""
    if not last:
        with contextlib.suppress(OSError):
            last = entry.log.read_bytes()[-4096:].decode("utf-8", "replace").strip().rpartition("\n")[2]
    return VMError(
        f"it ended before it could be frozen ({ended.reason}, status {ended.status})" + (f": {last}" if last else ""),
        hint="the program must write `ready` to /dev/ramet and wait",
        vm=entry.name,
    )


def _discard(entry: Entry, child: subprocess.Popen[bytes] | None, owner: int) -> None:
    if os.getpid() != owner:
        return
    with contextlib.suppress(RametError, OSError):
        if child is not None:
            child.kill()
            child.wait()
            registry.discard(entry)
        else:
            registry.remove(entry, force=True)
