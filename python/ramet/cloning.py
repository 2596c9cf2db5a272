"""What a VM and a template have in common: clones can be made of them."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from ramet import registry
from ramet.errors import CloneError, HostError, RametError, UsageError
from ramet.launch import check_arguments, check_environment, parse_size
from ramet.registry import Entry
from ramet.registry.control import Refused, connect
from ramet.registry.pool import CloneSocket, Pending
from ramet.registry.process import start_time
from ramet.streams import DEVNULL, PIPE, Stream, Streams, make_room

if TYPE_CHECKING:
    from ramet.vm import VM

__all__ = ["Parent", "text_input"]

# Most bytes of a clone's identity document (PAYLOAD_SIZE of the abi crate), less room for its other members.
_INPUT_MAX = (2 << 20) - 65536


class Parent:
    """What clones can be made of: a VM or a template."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        self._pool: CloneSocket | None = None

    def info(self) -> dict[str, Any]:
        """What the VMM says about it: state, uptime, generation, memory, system calls."""
        with connect(self._entry) as control:
            answer = control.call({"op": "info"})
        answer.pop("ok", None)
        return answer

    @overload
    def clone(
        self,
        *,
        input: bytes | str | None = ...,
        args: Sequence[str] = ...,
        env: Mapping[str, str] | None = ...,
        name: str | None = ...,
        timeout: float | None = ...,
        memory: int | str | None = ...,
        stdin: Stream = ...,
        stdout: Stream = ...,
        stderr: Stream = ...,
        tty: bool = ...,
        detach: bool = ...,
        paused: bool = ...,
        share_volumes: bool = ...,
        resettable: bool = ...,
    ) -> VM: ...

    @overload
    def clone(
        self,
        n: int,
        *,
        input: bytes | str | None = ...,
        args: Sequence[str] = ...,
        env: Mapping[str, str] | None = ...,
        name: str | None = ...,
        timeout: float | None = ...,
        memory: int | str | None = ...,
        stdin: Stream = ...,
        stdout: Stream = ...,
        stderr: Stream = ...,
        tty: bool = ...,
        detach: bool = ...,
        paused: bool = ...,
        share_volumes: bool = ...,
        resettable: bool = ...,
    ) -> Sequence[VM | RametError]: ...

    def clone(
        self,
        n: int | None = None,
        *,
        input: bytes | str | None = None,
        args: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        name: str | None = None,
        timeout: float | None = None,
        memory: int | str | None = None,
        stdin: Stream = PIPE,
        stdout: Stream = PIPE,
        stderr: Stream = PIPE,
        tty: bool = False,
        detach: bool = False,
        paused: bool = False,
        share_volumes: bool = False,
        resettable: bool = False,
    ) -> VM | Sequence[VM | RametError]:
        """Makes independent VMs that go on from here: from where a template was frozen, or from between two
        instructions of a running VM, which goes on undisturbed.

        Without ``n``: one VM, or an exception. With ``n``: a list of that many, each a VM or the error that came
        instead; a ``name`` is then a prefix (``name-1``, ``name-2``, ...).

        ``input`` (text, or bytes that are UTF-8), ``args`` and ``env`` are what the clone finds in its document in
        ``/dev/ramet``. ``timeout`` is the clone's time limit in seconds, ``memory`` its own limit. The streams are as
        in :func:`ramet.run`; ``detach`` sends the output to a log instead, and leaves the VM alone when Python exits.
        A ``paused`` clone waits for :meth:`VM.resume`. Volumes are read-only in a clone unless ``share_volumes``.
        A ``resettable`` one can go back to its start (:meth:`VM.reset`); where the template is resettable all are.
        """
        parent = self._entry
        if detach and stdin == PIPE:
            stdin = DEVNULL
        check_arguments(args)
        if n is not None and n < 0:
            raise UsageError(f"cannot make {n} clones")
        document: dict[str, Any] = {
            "args": [*args],
            "env": check_environment(env or {}),
            "input": text_input(input),
            "paused": paused,
            "share_volumes": share_volumes,
            "tty": tty,
        }
        if resettable:
            document["resettable"] = True
        if timeout is not None:
            document["timeout"] = timeout
        if memory is not None:
            document["memory"] = parse_size(memory)
        record: dict[str, Any] = {
            "parent": parent.id,
            "origin": "clone",
            "args": [*parent.record.get("args", []), *args],
        }
        record.update((key, parent.record[key]) for key in ("image", "image_digest") if key in parent.record)
        wish = _Wish(parent, document, record, (stdin, stdout, stderr), detach=detach)
        if n is None:
            return wish.ask(name, self._clone_socket()).result()
        return wish.many(n, name, self._clone_socket())

    def _clone_socket(self) -> CloneSocket:
        """The way to the clones made ahead; a VM that is no template has none, and says so when it is asked."""
        if self._pool is None:
            self._pool = CloneSocket(self._entry.directory)
        return self._pool


class _Wish:
    """What is the same for all clones of one call."""

    def __init__(
        self,
        parent: Entry,
        document: dict[str, Any],
        record: dict[str, Any],
        standard: tuple[Stream, Stream, Stream],
        *,
        detach: bool,
    ) -> None:
        self.parent = parent
        self.document = document
        self.record = record
        self.standard = standard
        self.detach = detach

    def ask(self, name: str | None, pool: CloneSocket) -> _Asked:
        """Asks for one clone."""
        asked = _Asked(self, name)
        try:
            asked.send(pool)
        except BaseException:
            asked.abandon()
            raise
        return asked

    def many(self, n: int, name: str | None, pool: CloneSocket) -> list[VM | RametError]:
        """Asks for all, and then looks at the answers."""
        results: list[VM | RametError] = []
        if n == 0:
            return results
        make_room(5 * n)
        asked: list[_Asked | RametError] = []
        failure: RametError | None = None
        try:
            for number in range(n):
                if failure is not None:
                    asked.append(failure)
                    continue
                try:
                    own = None if name is None else f"{name}-{number + 1}" if n > 1 else name
                    asked.append(self.ask(own, pool))
                except (CloneError, HostError, UsageError) as error:
                    asked.append(error)
                except RametError as error:
                    # The parent is gone: the rest cannot do better.
                    asked.append(error)
                    failure = error
            asked.reverse()
            while asked:
                results.append(_outcome(asked.pop()))
        except BaseException:
            for item in asked:
                if isinstance(item, _Asked):
                    item.abandon()
            raise
        return results


def _outcome(item: _Asked | RametError) -> VM | RametError:
    if isinstance(item, RametError):
        return item
    try:
        return item.result()
    except RametError as error:
        return error


# Field 22 of /proc/PID/stat of this process, by process id.
_own_start: dict[int, int | None] = {}


def _creator() -> list[int | None]:
    pid = os.getpid()
    if pid not in _own_start:
        _own_start[pid] = start_time(pid)
    return [pid, _own_start[pid]]


class _Asked:
    """One clone that was asked for."""

    def __init__(self, wish: _Wish, name: str | None) -> None:
        self._wish = wish
        self._streams: Streams | None = None
        self._status: list[int] = []
        self._pending: Pending | None = None
        self._answer: dict[str, Any] | None = None
        parent = wish.parent
        self._own: dict[str, Any] = {}
        self._owned = name is None and not wish.detach
        self._made = not self._owned
        if self._made:
            try:
                self.entry = registry.create(name, **wish.record)
            except OSError as error:
                reason = f"cannot make the directory of a clone: {error.strerror}"
                raise HostError(reason, vm=parent.name) from error
        else:
            # 64 random bits: unique without looking. The clone makes its directory while it runs.
            directory = parent.directory.parent / os.urandom(8).hex()
            record = {"id": directory.name, "name": None, "created": time.time(), "creator": _creator(), **wish.record}
            self.entry = Entry(directory, record)
            self._own["record"] = record

    def send(self, pool: CloneSocket) -> None:
        """Sends the request: to one that waits for it, else to the parent itself."""
        wish, entry = self._wish, self.entry
        standard = wish.standard
        log = None
        try:
            if wish.detach:
                log = os.open(entry.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
                standard = (standard[0], log, log)
            self._streams = Streams(*standard, tty=wish.document["tty"])
            if not wish.detach:
                self._status.extend(os.pipe())
            own = {**wish.document, **self._own, "id": entry.id, "name": entry.name, "directory": str(entry.directory)}
            status = self._status[1] if self._status else None
            self._pending = pool.send(own, self._streams.child, status)
            if self._pending is None:
                self._through_control(own, status)
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                raise HostError("too many open files", hint="close some VMs, or raise `ulimit -n`") from error
            raise
        finally:
            if len(self._status) > 1:
                os.close(self._status.pop())
            if log is not None:
                os.close(log)
        self._streams.started()

    def _through_control(self, own: dict[str, Any], status: int | None) -> None:
        assert self._streams is not None
        if not self._made:
            del own["record"]
            self.entry = registry.create(None, **self._wish.record)
            own.update(id=self.entry.id, name=self.entry.name, directory=str(self.entry.directory))
            self._made = True
        descriptors = [*self._streams.child] if status is None else [*self._streams.child, status]
        with connect(self._wish.parent) as control:
            try:
                self._answer = control.call({"op": "clone", "clone": own}, descriptors, timeout=60.0)
            except Refused as error:
                raise self._refused(error) from error

    def _refused(self, error: Refused) -> CloneError:
        return CloneError(error.message, hint="the parent is unharmed", vm=self._wish.parent.name)

    def fileno(self) -> int | None:
        """Readable when :meth:`result` does not wait; ``None``: it does not now."""
        return None if self._pending is None else self._pending.fileno()

    def result(self) -> VM:
        """Waits for the answer."""
        try:
            answer = self._answer
            if answer is None:
                assert self._pending is not None
                try:
                    answer = self._pending.receive(self._wish.parent.name)
                except Refused as error:
                    raise self._refused(error) from error
        except BaseException:
            self.abandon()
            raise
        from ramet.vm import VM

        entry, pid = self.entry, int(answer["pid"])
        if self._owned and "record" in self._own and not self._answer:
            began = answer.get("start_time") or start_time(pid)
            if began is not None:
                entry.known = (pid, int(began))
                entry.record["creator"] = [pid, began]
        else:
            registry.started(entry, pid)
        assert self._streams is not None
        vm = VM(
            entry,
            near=self._streams.near,
            tty=bool(self._wish.document["tty"]),
            status_pipe=self._status[0] if self._status else None,
            owned=self._owned,
        )
        vm.timing = {key: answer[key] for key in ("requested_tsc", "forked_tsc") if key in answer}
        return vm

    def abandon(self) -> None:
        """There is no clone: gives everything back."""
        if self._pending is not None:
            self._pending.close()
        if self._streams is not None:
            self._streams.abandon()
        for descriptor in self._status:
            os.close(descriptor)
        self._status.clear()
        if self._made:
            with contextlib.suppress(RametError, OSError):
                registry.discard(self.entry)  # the VMM made nothing of it


def text_input(input: bytes | str | None) -> str | None:
    """The input as the identity document holds it: text."""
    if isinstance(input, bytes | bytearray | memoryview):
        try:
            input = bytes(input).decode()
        except UnicodeDecodeError as error:
            raise UsageError(
                "a clone's input is text (UTF-8), and this is not", hint="encode it, for example with base64"
            ) from error
    if input is not None and len(input.encode()) > _INPUT_MAX:
        raise UsageError(
            f"a clone's input takes at most {_INPUT_MAX} bytes", hint="send more through its standard input or a volume"
        )
    return input
