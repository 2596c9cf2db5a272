"""The functions of the Python API: run a program in a VM, freeze a warm one, build an image."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ramet import registry
from ramet.errors import HostError, UsageError
from ramet.launch import prepare
from ramet.registry import Entry
from ramet.streams import DEVNULL, PIPE, Stream, Streams
from ramet.template import Template, freeze_entry
from ramet.vm import VM

if TYPE_CHECKING:
    from ramet.image import Image

__all__ = ["freeze", "run"]


def run(
    image: str | Image,
    args: Sequence[str] = (),
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    user: str | None = None,
    memory: int | str | None = None,
    volumes: Sequence[str] = (),
    name: str | None = None,
    hostname: str | None = None,
    timeout: float | None = None,
    max_clones: int | None = None,
    session_memory: int | str | None = None,
    stdin: Stream = PIPE,
    stdout: Stream = PIPE,
    stderr: Stream = PIPE,
    tty: bool = False,
    detach: bool = False,
    strace: bool = False,
    patch_syscalls: bool = True,
) -> VM:
    """Boots a VM that runs a program of an image, and returns at once.

    ``image``
        A name or digest in the store (``ramet images``), or an :class:`ramet.image.Image`.
    ``args``
        The program and its arguments; without them the image's own command runs. They follow the image's entry point.
    ``env``, ``cwd``, ``user``
        Added to the image's environment; instead of its working directory and user (``uid[:gid]`` or a name).
    ``memory``
        The limit on its RAM, in bytes or as ``"256M"``.
    ``volumes``
        Directories or files of the host: ``"HOST:GUEST"`` or ``"HOST:GUEST:ro"``.
    ``name``
        A VM with a name stays after Python has exited; one without belongs to the object returned.
    ``timeout``
        Seconds after which the VM is ended, with status 124.
    ``max_clones``
        Most processes that the program may have beside itself, zombies included; at the limit ``fork`` fails there.
    ``session_memory``
        The limit on the RAM of all its processes' VMs together; at the limit ``fork`` fails there. Without it: twice
        the host's memory.
    ``stdin``, ``stdout``, ``stderr``
        :data:`ramet.PIPE` (then they are attributes of the VM), :data:`ramet.DEVNULL`, a file or descriptor, or None
        for the caller's own.
    ``tty``
        The program gets a terminal, whose other end is ``vm.stdin`` and ``vm.stdout``.
    ``detach``
        Output goes to a log (``vm.logs()``), and the VM lives on when Python exits.
    ``strace``, ``patch_syscalls``
        Trace system calls to standard error; false: let every system call trap.
    """
    if detach and tty:
        raise UsageError("a detached VM has no terminal", hint="leave out tty or detach")
    entry, command = prepare(
        image,
        args,
        env=env,
        cwd=cwd,
        user=user,
        memory=memory,
        volumes=volumes,
        name=name,
        hostname=hostname,
        timeout=timeout,
        max_clones=max_clones,
        session_memory=session_memory,
        tty=tty,
        strace=strace,
        patch_syscalls=patch_syscalls,
        # A signal to the caller's process group is not the program's, unless they share the caller's terminal.
        detached=detach,
    )
    owned = name is None and not detach
    try:
        if detach:
            child = spawn_detached(entry, command, stdin)
            registry.started(entry, child.pid)
            near: list[int | None] = [None, None, None]
        else:
            streams = Streams(stdin, stdout, stderr, tty=tty)
            try:
                child = _spawn(command, streams.child, own_session=stdin is not None)
            except BaseException:
                streams.abandon()
                raise
            streams.started()
            near = streams.near
    except BaseException:
        registry.discard(entry)
        raise
    return VM(entry, near=near, tty=tty, child=child, owned=owned)


def freeze(
    image: str | Image | VM,
    args: Sequence[str] = (),
    *,
    name: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    user: str | None = None,
    memory: int | str | None = None,
    volumes: Sequence[str] = (),
    hostname: str | None = None,
    timeout: float | None = 60.0,
    strace: bool = False,
    pool: int | None = None,
    pool_maximum: int | None = None,
    working_set: bool = True,
    resettable: bool = False,
) -> Template:
    """Runs a program until it says that it is ready, and freezes it into a template.

    The program says so by writing ``ready`` to ``/dev/ramet`` (from Python: ``ramet_guest.ready()``). ``timeout`` is
    how many seconds it may take. ``name`` is the template's; the other parameters are those of :func:`run`. Without
    ``args`` the image's warm-up command runs. ``pool``, ``pool_maximum``: how many clones are made ahead
    (:meth:`Template.set_pool`); ``working_set`` false: they touch nothing of what the first clone has used;
    ``resettable``: they can go back to their start (:meth:`VM.reset`).

    Given a running :class:`VM` instead of an image, freezes that one where it stands.
    """
    if isinstance(image, VM):
        if args:
            raise UsageError("a VM that runs takes no arguments")
        return image.freeze(
            name,
            timeout=timeout,
            pool=pool,
            pool_maximum=pool_maximum,
            working_set=working_set,
            resettable=resettable,
        )
    entry, command = prepare(
        image,
        args,
        env=env,
        cwd=cwd,
        user=user,
        memory=memory,
        volumes=volumes,
        hostname=hostname,
        strace=strace,
        detached=True,
        origin="freeze",
        warmup=True,
    )
    child = None
    try:
        child = spawn_detached(entry, command, DEVNULL)
        return freeze_entry(
            entry,
            name,
            on_ready=True,
            timeout=timeout,
            pool=pool,
            pool_maximum=pool_maximum,
            working_set=working_set,
            resettable=resettable,
            child=child,
        )
    except BaseException:
        if child is not None:
            child.kill()
            child.wait()
        registry.discard(entry)
        raise


# VMMs in sessions of their own that this process has started.
_detached: list[subprocess.Popen[bytes]] = []


def spawn_detached(entry: Entry, command: Sequence[str], stdin: Stream = DEVNULL) -> subprocess.Popen[bytes]:
    """Starts a VMM in a session of its own, its output in the VM's log."""
    # Ours to reap, for as long as we are there.
    _detached[:] = [process for process in _detached if process.poll() is None]
    log = os.open(entry.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    streams = None
    try:
        streams = Streams(DEVNULL if stdin == PIPE else stdin, log, log)
        child = _spawn(command, streams.child, own_session=True)
        _detached.append(child)
        return child
    finally:
        os.close(log)
        if streams is not None:
            streams.started()


def _spawn(command: Sequence[str], descriptors: Sequence[int], *, own_session: bool) -> subprocess.Popen[bytes]:
    keywords: dict[str, Any] = dict(zip(("stdin", "stdout", "stderr"), descriptors, strict=True))
    try:
        return subprocess.Popen(command, start_new_session=own_session, **keywords)
    except OSError as error:
        raise HostError(f"cannot start the VMM {command[0]}: {error.strerror}", hint="see `ramet doctor`") from error
