"""One VM, as a Python object."""

from __future__ import annotations

import contextlib
import os
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from signal import Signals
from typing import TYPE_CHECKING, Any, Self

from ramet import registry
from ramet.cloning import Parent, text_input
from ramet.conversation import Conversation
from ramet.errors import RametError, UsageError, VMError
from ramet.launch import check_arguments, check_environment
from ramet.registry import Ended, Entry
from ramet.registry.control import Control, connect
from ramet.registry.files import read_object
from ramet.registry.process import is_alive
from ramet.result import Output
from ramet.streams import PIPE, Stream, Streams

if TYPE_CHECKING:
    import subprocess

    from ramet.process import Process
    from ramet.template import Template

__all__ = ["VM"]

# Most bytes of one request (`crates/vmm/src/clone/reset.rs`), with room for its other members.
_MEMORY_MOST = 16384


class VM(Parent, Conversation):
    """A VM that runs, or has run.

    Made by :func:`ramet.run`, :meth:`Template.clone` and :meth:`VM.clone`, found again by :meth:`VM.find`.

    As a context manager it ends and removes the VM when the block is left. A VM without a name belongs to the object:
    it is ended and removed when the object goes, at the latest when Python exits. A VM with a name stays until somebody
    removes it.
    """

    def __init__(
        self,
        entry: Entry,
        *,
        near: Sequence[int | None] = (None, None, None),
        tty: bool = False,
        child: subprocess.Popen[bytes] | None = None,
        status_pipe: int | None = None,
        owned: bool = False,
    ) -> None:
        Parent.__init__(self, entry)
        self._child = child
        Conversation.__init__(self, near, tty=tty, status_pipe=status_pipe)
        self._process: int | None = None
        #: For a clone: when its request was taken and when its process existed, as time stamp counter values.
        self.timing: dict[str, int] = {}
        self._finalizer = weakref.finalize(self, _discard, entry, child, os.getpid()) if owned else None

    @classmethod
    def find(cls, reference: str) -> VM:
        """The VM with that name or id. Its streams belong to whoever started it."""
        return cls(registry.find(reference))

    @classmethod
    def list(cls) -> Sequence[VM]:
        """All VMs of this user, also those that have ended and were not removed; oldest first."""
        return [cls(entry) for entry in registry.entries()]

    # What it is

    @property
    def id(self) -> str:
        """Sixteen hexadecimal digits, never used twice."""
        return self._entry.id

    @property
    def name(self) -> str:
        """The name, or the id if it was given none."""
        return self._entry.name

    @property
    def directory(self) -> Path:
        """The directory with the VM's files."""
        return self._entry.directory

    @property
    def pid(self) -> int | None:
        """The process id of its VMM on the host, once there is one."""
        process = self._entry.process()
        return process[0] if process else None

    @property
    def state(self) -> str:
        """``starting``, ``running``, ``paused``, ``frozen``, ``exited``, ``killed`` or ``unresponsive``."""
        if self._ended is not None:
            return "killed" if self._ended.reason == "killed" else "exited"
        return self._entry.status().state

    def logs(self) -> Output:
        """The output so far of a detached VM, whose streams go to its log."""
        try:
            return Output(self._entry.log.read_bytes())
        except FileNotFoundError:
            raise VMError(
                "it has no log: its output went to whoever started it", hint="start it detached", vm=self.name
            ) from None

    def __repr__(self) -> str:
        return f"<ramet.VM {self.name}>"

    # Its end

    def kill(self) -> None:
        """Ends the VM at once; its status is 137. Nothing happens to one that has ended."""
        try:
            self._call({"op": "kill"}, timeout=2.0)
        except RametError:
            from ramet.registry.vms import end

            end(self._entry)

    def signal(self, number: int | Signals) -> None:
        """Sends a signal to the program."""
        self._call({"op": "signal", "signal": int(number)})

    def remove(self, *, force: bool = False) -> None:
        """Removes what is left of a VM that has ended; with ``force``, ends it first."""
        if force and self._child is not None:
            self._child.kill()
            self._child.wait()
        self.close_streams()
        # Reaps our own child, so that no zombie of it remains, and sees what exit.json says before it goes.
        self.see_end()
        if force and self._child is not None:
            registry.discard(self._entry)
        else:
            registry.remove(self._entry, force=force)
            self.see_end()
        if self._finalizer is not None:
            self._finalizer.detach()

    def keep(self) -> None:
        """Lets the VM live on, and stay listed, when this object goes."""
        if self._finalizer is not None:
            self._finalizer.detach()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove(force=True)

    # Control

    def pause(self) -> None:
        """Stops the VM's CPU; returns when it has stopped."""
        self._call({"op": "pause"})

    def resume(self) -> None:
        """Lets a paused VM go on."""
        self._call({"op": "resume"})

    def resize(self, rows: int, columns: int) -> None:
        """Sets the size of the terminal of a VM with ``tty``."""
        self._call({"op": "resize", "rows": rows, "columns": columns})

    def wait_ready(self, timeout: float | None = None) -> None:
        """Waits until the program has written ``ready`` to ``/dev/ramet``."""
        with self._connect() as control:
            control.wait_ready(timeout)

    # Further processes

    def exec(
        self,
        args: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        user: str | None = None,
        stdin: Stream = PIPE,
        stdout: Stream = PIPE,
        stderr: Stream = PIPE,
        tty: bool = False,
    ) -> Process:
        """Runs one more program in the VM's session, beside the one that it was started with, and returns at once.

        It sees the same files and processes, and has streams of its own, as in :func:`ramet.run`. It is nobody's child:
        no ``wait`` of the VM's program gets to know of it. It ends with the VM, or before.

        ``env``: added to the VM's environment; ``cwd``, ``user``: instead of those that the VM was started with.
        ``tty``: it gets a terminal of its own.
        """
        from ramet.process import start

        return start(self._entry, args, env, cwd, user, (stdin, stdout, stderr), tty=tty)

    def processes(self) -> Sequence[dict[str, Any]]:
        """The processes of the VM's session, the oldest first: ``pid``, ``parent``, ``group``, ``session``, ``state``
        (``running``, ``stopped``, ``zombie``), ``command``, ``args``, ``uid``, ``vmm`` (the process id of its VMM on
        the host, None of one that begins or is over) and ``exec`` (whether :meth:`exec` has made it).
        """
        from ramet.process import processes

        return processes(self._entry)

    # Copies

    def freeze(
        self,
        name: str | None = None,
        *,
        on_ready: bool = False,
        timeout: float | None = None,
        pool: int | None = None,
        pool_maximum: int | None = None,
        working_set: bool = True,
        resettable: bool = False,
    ) -> Template:
        """Turns this VM into a template: it never runs again, its clones do.

        ``on_ready`` waits, for ``timeout`` seconds at most, until the program has written ``ready`` to ``/dev/ramet``.
        ``pool``, ``pool_maximum``: how many clones are made ahead (:meth:`Template.set_pool`); ``working_set`` false:
        they touch nothing of what the first clone has used. ``resettable``: its clones can go back to their start
        (:meth:`reset`).
        """
        from ramet.template import freeze_entry

        template = freeze_entry(
            self._entry,
            name,
            on_ready=on_ready,
            timeout=timeout,
            pool=pool,
            pool_maximum=pool_maximum,
            working_set=working_set,
            resettable=resettable,
            child=self._child,
        )
        self.close_streams()
        if self._finalizer is not None:
            self._finalizer.detach()
        return template

    # Back to the start

    def reset(
        self,
        *,
        input: bytes | str | None = None,
        args: Sequence[str] | None = None,
        env: Mapping[str, str] | None = None,
        stdin: Stream = None,
        stdout: Stream = None,
        stderr: Stream = None,
        streams: bool = False,
        thorough: bool = False,
    ) -> dict[str, Any]:
        """Takes a clone back to where it began, in a time in proportion to the pages that it has written since: memory,
        registers, files, timers and signals are as they were, and the processes that it has forked are ended. Volumes
        are the host's, and stay as they are. Time goes on.

        It is another one than before all the same: a new generation and new random numbers, as in a new clone.
        ``input``, ``args`` and ``env`` are what it then finds in ``/dev/ramet``; what is not given stays as it was.
        The streams stay, and output that nobody has taken is lost; with ``streams`` it gets new ones, as in
        :func:`ramet.run`. ``thorough`` makes what KVM has built of the VM anew, too, which takes as long as a clone:
        for a guest that may have made tables to outlive the reset where paging is not in hardware.

        Only a clone that was made with ``resettable``, or of such a template. Returns what was done: ``generation``,
        ``pages`` that were put back, ``kept`` (pages whose first content is at hand) and ``renewed``.
        """
        document: dict[str, Any] = {}
        if input is not None:
            document["input"] = text_input(input)
        if args is not None:
            check_arguments(args)
            document["args"] = [*args]
        if env is not None:
            document["env"] = check_environment(env)
        if thorough:
            document["thorough"] = True
        request = {"op": "reset", "reset": document}
        if not streams:
            if any(stream is not None for stream in (stdin, stdout, stderr)):
                raise UsageError("new streams go with streams=True", vm=self.name)
            answer = self._call(request)
        else:
            answer = self._reset_with_streams(request, (stdin, stdout, stderr))
        answer.pop("ok", None)
        return answer

    def _reset_with_streams(self, request: dict[str, Any], wanted: tuple[Stream, Stream, Stream]) -> dict[str, Any]:
        made = Streams(*(PIPE if stream is None else stream for stream in wanted), tty=False)
        try:
            with self._connect() as control:
                answer = control.call(request, [*made.child], timeout=10.0)
        except BaseException:
            made.abandon()
            raise
        made.started()
        self.close_streams()
        self._set_streams(made.near)
        return answer

    # Its memory

    def read_memory(self, address: int, length: int) -> bytes:
        """Reads the program's memory. :class:`VMError` where nothing is."""
        parts = []
        for start in range(address, address + length, _MEMORY_MOST):
            count = min(_MEMORY_MOST, address + length - start)
            answer = self._call({"op": "read_memory", "address": start, "length": count})
            parts.append(bytes.fromhex(answer["bytes"]))
        return b"".join(parts)

    def write_memory(self, address: int, data: bytes, *, keep: bool = False) -> None:
        """Writes to the program's memory, whatever the program may do there: a breakpoint, for example. The pages are
        this VM's own from then on, also where all VMs share the image's: neither its parent nor another clone sees it.

        A reset undoes it, unless ``keep`` makes it a part of the state that the VM goes back to.
        """
        for start in range(0, len(data), _MEMORY_MOST):
            part = data[start : start + _MEMORY_MOST]
            self._call({"op": "write_memory", "address": address + start, "bytes": part.hex(), "keep": keep})

    # For the modules of this package

    def end_fileno(self) -> int | None:
        """A descriptor that becomes readable when the VM ends, or ``None`` if it has ended or has no process yet."""
        if self._ended is not None:
            return None
        if self._status_pipe is not None:
            return self._status_pipe
        if self._process is None:
            if self._child is not None:
                with contextlib.suppress(ProcessLookupError):
                    self._process = os.pidfd_open(self._child.pid)
            else:
                self._process = self._entry.open_process()
        return self._process

    def see_end(self) -> bool:
        """Whether the VM has ended; notes how. Does not wait; worth a call when :meth:`end_fileno` is readable."""
        if self._ended is not None:
            return True
        if self._status_pipe is not None:
            return self._read_status()
        if self._child is not None:
            returned = self._child.poll()
            if returned is None:
                return False
            document = read_object(self._entry.directory / "exit.json")
            if document is not None:
                self._set_ended(Ended.parse(document))
            elif returned < 0:
                self._set_ended(Ended.from_outside())
            else:  # the VMM could not even write how it ended; what it said is on its standard error
                self._set_ended(Ended(returned, "failed"))
            return True
        status = self._entry.status(ask=False)
        if status.ended is None:
            return False
        # exit.json is there a moment before the process is gone.
        process = self._entry.process()
        if process is not None and is_alive(*process) and self._process is not None:
            from ramet.registry.vms import wait_process

            wait_process(self._process, 1.0)
        self._set_ended(status.ended)
        return True

    def _set_ended(self, ended: Ended) -> None:
        super()._set_ended(ended)
        if self._process is not None:
            os.close(self._process)
        self._process = None

    def _connect(self) -> Control:
        return connect(self._entry)

    def _call(self, request: dict[str, Any], *, timeout: float = 10.0) -> dict[str, Any]:
        with self._connect() as control:
            return control.call(request, timeout=timeout)

    def __del__(self) -> None:
        if hasattr(self, "_stderr"):
            self.close_streams()
        for descriptor in (getattr(self, "_status_pipe", None), getattr(self, "_process", None)):
            if descriptor is not None:
                with contextlib.suppress(OSError):
                    os.close(descriptor)


def _discard(entry: Entry, child: subprocess.Popen[bytes] | None, owner: int) -> None:
    """Ends and removes a VM whose object is gone. Not in a forked child of the owner: the VM is not its."""
    if os.getpid() != owner:
        return
    with contextlib.suppress(RametError, OSError):
        if child is not None:
            child.kill()
            child.wait()
            registry.discard(entry)
        else:
            registry.remove(entry, force=True)
