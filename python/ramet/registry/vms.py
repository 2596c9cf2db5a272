"""Making, finding and removing the directories of VMs."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import select
import signal
import time
from pathlib import Path

from ramet import paths
from ramet.errors import UsageError, VMError, VMNotFound
from ramet.registry.entry import Entry
from ramet.registry.files import write_object
from ramet.registry.history import remember
from ramet.registry.process import is_alive, start_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ramet.registry.entry import Status

__all__ = [
    "check_name",
    "create",
    "discard",
    "end",
    "entries",
    "find",
    "find_any",
    "link",
    "remove",
    "started",
    "sweep",
    "unlink",
]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_ID = re.compile(r"[0-9a-f]{16}")
# Removed directories wait under this prefix until their last file is gone.
_REMOVED = ".removed-"
# Seconds that a VM may take from its directory to its process.
_STARTING = 5.0
# The VMM's ``exit.json`` is no longer (RESERVED in crates/vmm/src/clone/files.rs).
_EXIT_SIZE = 4096


def check_name(name: str, what: str = "name") -> str:
    """Returns a name that is one, else raises :class:`UsageError`."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is not a {what}",
            hint="use up to 64 letters, digits, dots, dashes and underscores, starting with a letter or digit",
        )
    if _ID.fullmatch(name):
        raise UsageError(f"{name!r} looks like an id", hint="choose another name")
    return name


def names_dir() -> Path:
    """The links from names to VMs."""
    path = paths.runtime_home() / "names"
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def create(name: str | None = None, **record: Any) -> Entry:
    """Makes the directory of a new VM, with a fresh id, and takes the name.

    ``record`` is kept in ``record.json``: ``image``, ``image_digest``, ``args``, ``remove`` (the VM's directory goes
    when it ends) and what else the caller wants to find again.
    """
    if name is not None:
        check_name(name)
    vms = paths.vms_dir()
    while True:
        # 64 random bits: unique without looking at any other VM; mkdir settles it.
        directory = vms / os.urandom(8).hex()
        try:
            directory.mkdir(mode=0o700)
            break
        except FileExistsError:
            continue
    entry = Entry(directory)
    pid = os.getpid()
    try:
        write_object(
            directory / "record.json",
            {
                "id": entry.id,
                "name": name,
                "created": time.time(),
                "creator": [pid, start_time(pid)],
                **record,
            },
        )
        _reserve(f"{directory}/exit.json.new")
        if name is not None:
            link(names_dir(), name, entry)
    except FileExistsError as error:
        _delete(directory)
        raise VMError(
            f"the name {name!r} is taken", hint=f"choose another one, or remove it with `ramet rm -f {name}`"
        ) from error
    except BaseException:
        _delete(directory)
        raise
    return entry


def _reserve(path: str) -> None:
    """Takes the room for ``exit.json`` now: a disk that fills up later is not to lose how the VM ended."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, _EXIT_SIZE)
    finally:
        os.close(descriptor)


def started(entry: Entry, pid: int) -> None:
    """Notes the VMM's process where the VMM has not done so itself: whoever made the VM may now go."""
    began = start_time(pid)
    if began is not None and entry.process() is None:
        entry.record["creator"] = [pid, began]
        write_object(entry.directory / "record.json", entry.record)


def link(directory: Path, name: str, entry: Entry) -> None:
    """Makes the name mean the VM; :class:`FileExistsError` if it means another one."""
    path = directory / name
    target = f"../vms/{entry.id}"
    try:
        path.symlink_to(target)
        return
    except FileExistsError:
        if path.exists():
            raise
    # A stale name: its VM's directory is gone. Replacing it takes two steps, so take turns.
    with open(paths.runtime_home() / "lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if path.is_symlink() and not path.exists():
            path.unlink()
        path.symlink_to(target)


def unlink(directory: Path, name: str, entry: Entry) -> None:
    """Takes the name away if it means that VM."""
    path = directory / name
    try:
        if path.readlink() == Path(f"../vms/{entry.id}"):
            path.unlink()
    except (FileNotFoundError, OSError):
        pass


def entries() -> Iterator[Entry]:
    """All VMs, oldest first."""
    found = []
    with os.scandir(paths.vms_dir()) as directory:
        for item in directory:
            if _ID.fullmatch(item.name):
                found.append(Entry(Path(item.path)))
    found.sort(key=lambda entry: (entry.record.get("created", 0), entry.id))
    return iter(found)


def find(reference: str) -> Entry:
    """The VM with that name or id (or the beginning of one id only); raises :class:`VMNotFound`."""
    entry = _find(reference, names_dir())
    if entry is None:
        raise VMNotFound(f"no VM named {reference!r}", hint="`ramet ps -a` lists them")
    return entry


def find_any(reference: str) -> Entry:
    """The VM or template with that name or id; raises :class:`VMNotFound`."""
    entry = _find(reference, names_dir(), paths.templates_dir())
    if entry is None:
        raise VMNotFound(
            f"no VM or template named {reference!r}", hint="`ramet ps -a` and `ramet template ls` list them"
        )
    return entry


def _find(reference: str, *links: Path) -> Entry | None:
    vms = paths.vms_dir()
    if _ID.fullmatch(reference):
        return Entry(vms / reference) if (vms / reference).is_dir() else None
    if _NAME.fullmatch(reference):
        for directory in links:
            try:
                entry = Entry(vms / (directory / reference).readlink().name)
            except OSError:
                continue
            if entry.directory.is_dir():
                return entry
    if re.fullmatch(r"[0-9a-f]{4,15}", reference):
        matches = [name for name in os.listdir(vms) if name.startswith(reference) and _ID.fullmatch(name)]
        if len(matches) > 1:
            raise UsageError(f"{reference!r} begins {len(matches)} ids", hint="give more of it")
        if matches:
            return Entry(vms / matches[0])
    return None


def end(entry: Entry) -> None:
    """Ends the VM's process at once, if it has one, and waits until it is gone."""
    limit = time.monotonic() + _STARTING
    while entry.process() is None and entry.status(ask=False).state == "starting" and time.monotonic() < limit:
        time.sleep(0.002)  # whoever starts it is about to tell which process it is
    if entry.process() is None:
        return
    descriptor = entry.open_process()
    if descriptor is None:
        return
    try:
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        wait_process(descriptor, 10.0)
    except ProcessLookupError:
        pass
    finally:
        os.close(descriptor)


def wait_process(descriptor: int, timeout: float | None) -> bool:
    """Waits until the process of a pidfd has ended; false when the time (seconds) is over."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(None if timeout is None else max(0, int(timeout * 1000 + 0.999))))


def remove(entry: Entry, *, force: bool = False) -> None:
    """Removes what is left of a VM that has ended; with ``force``, ends it first."""
    if force:
        end(entry)
    status = entry.status(ask=False)
    # One that never came to run has no process to lose; should it come up after all, it finds no directory and fails.
    if status.alive and not (force and status.state == "starting"):
        raise VMError(
            "cannot remove it while it runs" if status.state != "starting" else "cannot remove it while it starts",
            hint=f"`ramet rm -f {entry.name}` ends it first",
            vm=entry.name,
        )
    discard(entry)


def _delete(directory: Path | str) -> None:
    """Removes a VM's directory, which holds files only.

    Not by `shutil`: this also runs in finalizers, which come at any moment, that of an import among them.
    """
    with contextlib.suppress(OSError):
        with os.scandir(directory) as items:
            names = [item.path for item in items]
        for name in names:
            with contextlib.suppress(OSError):
                os.unlink(name)
        os.rmdir(directory)


def discard(entry: Entry) -> None:
    """Removes the names and the directory of a VM without a process."""
    record = entry.record
    remember(entry)
    if record.get("name"):
        unlink(names_dir(), str(record["name"]), entry)
    template = template_name(entry)
    if template is not None:
        unlink(paths.templates_dir(), template, entry)
    # Renamed first: from here on no listing shows a VM with half of its files.
    gone = entry.directory.with_name(_REMOVED + entry.id)
    try:
        entry.directory.rename(gone)
    except FileNotFoundError:
        return  # somebody else was faster
    _delete(gone)


def template_name(entry: Entry) -> str | None:
    """The name under which the VM was frozen."""
    try:
        return (entry.directory / "template").read_text() or None
    except OSError:
        return None


def sweep() -> None:
    """Finishes what others were killed in the middle of: removals, and the VMs that were to go when they ended."""
    vms = paths.vms_dir()
    with os.scandir(vms) as directory:
        removed = [item.path for item in directory if item.name.startswith(_REMOVED)]
    for path in removed:
        _delete(path)
    for links in (names_dir(), paths.templates_dir()):
        for name in links.iterdir():
            with contextlib.suppress(OSError):  # somebody else was faster
                if name.is_symlink() and not name.exists():
                    unlink(links, name.name, Entry(vms / name.readlink().name))
    for entry in entries():
        status = entry.status(ask=False)
        if not status.alive and (entry.record.get("remove") or _never_was(entry, status)):
            try:
                remove(entry)
            except VMError:
                continue


def _never_was(entry: Entry, status: Status) -> bool:
    """Whether Ramet failed before the program ran, and whoever asked for the VM has had the message and is gone."""
    if status.ended is None or status.ended.reason != "failed":
        return False
    creator = entry.record.get("creator")
    return not (isinstance(creator, list) and len(creator) == 2 and is_alive(*creator))
