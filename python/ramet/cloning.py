"""What a VM and a template have in common: clones can be made of them."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from ramet import registry
from ramet.errors import CloneError, HostError, RametError, UsageError
from ramet.launch import check_arguments, check_environment, parse_size
from ramet.registry import Entry
from ramet.registry.control import Control, Refused, connect
from ramet.streams import DEVNULL, PIPE, Stream, Streams, make_room

if TYPE_CHECKING:
    from ramet.vm import VM

__all__ = ["Parent"]

# Most bytes of a clone's identity document (PAYLOAD_SIZE of the abi crate), less room for its other members.
_INPUT_MAX = (2 << 20) - 65536


class Parent:
    """What clones can be made of: a VM or a template."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry

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
    ) -> VM | Sequence[VM | RametError]:
        """Makes independent VMs that go on from here: from where a template was frozen, or from between two
        instructions of a running VM, which goes on undisturbed.

        Without ``n``: one VM, or an exception. With ``n``: a list of that many, each a VM or the error that came
        instead; a ``name`` is then a prefix (``name-1``, ``name-2``, ...).

        ``input`` (text, or bytes that are UTF-8), ``args`` and ``env`` are what the clone finds in its document in
        ``/dev/ramet``. ``timeout`` is the clone's time limit in seconds, ``memory`` its own limit. The streams are as
        in :func:`ramet.run`; ``detach`` sends the output to a log instead, and leaves the VM alone when Python exits.
        A ``paused`` clone waits for :meth:`VM.resume`. Volumes are read-only in a clone unless ``share_volumes``.
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
            "input": _text(input),
            "paused": paused,
            "share_volumes": share_volumes,
            "tty": tty,
        }
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
        owned = name is None and not detach

        def one(control: Control, own_name: str | None) -> VM:
            return _one(
                control, parent, document, record, own_name, (stdin, stdout, stderr), detach=detach, owned=owned
            )

        if n is None:
            with connect(parent) as control:
                return one(control, name)
        results: list[VM | RametError] = []
        if n == 0:
            return results
        make_room(4 * n)
        with connect(parent) as control:
            for number in range(n):
                try:
                    results.append(one(control, None if name is None else f"{name}-{number + 1}" if n > 1 else name))
                except (CloneError, HostError, UsageError) as error:
                    results.append(error)
                except RametError as error:
                    # The connection is out of step, or the parent gone: the rest cannot do better.
                    results.extend([error] * (n - number))
                    break
        return results


def _one(
    control: Control,
    parent: Entry,
    document: dict[str, Any],
    record: dict[str, Any],
    name: str | None,
    standard: tuple[Stream, Stream, Stream],
    *,
    detach: bool,
    owned: bool,
) -> VM:
    try:
        entry = registry.create(name, **record)
    except OSError as error:
        raise HostError(f"cannot make the directory of a clone: {error.strerror}", vm=parent.name) from error
    streams = None
    status: list[int] = []
    log = None
    try:
        if detach:
            log = os.open(entry.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            standard = (standard[0], log, log)
        streams = Streams(*standard, tty=document["tty"])
        descriptors = list(streams.child)
        if not detach:
            status.extend(os.pipe())
            descriptors.append(status[1])
        own = {"id": entry.id, "name": entry.name, "directory": str(entry.directory)}
        answer = control.call({"op": "clone", "clone": {**document, **own}}, descriptors, timeout=60.0)
    except BaseException as error:
        if streams is not None:
            streams.abandon()
        if status:
            os.close(status[0])
        with contextlib.suppress(RametError, OSError):
            registry.discard(entry)  # the VMM made nothing of it
        if isinstance(error, Refused):
            refused = CloneError(error.message, hint="the parent is unharmed", vm=parent.name)
            raise refused from error
        if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
            raise HostError("too many open files", hint="close some VMs, or raise `ulimit -n`") from error
        raise
    finally:
        if len(status) > 1:
            os.close(status[1])
        if log is not None:
            os.close(log)
    from ramet.vm import VM

    streams.started()
    registry.started(entry, int(answer["pid"]))
    vm = VM(
        entry,
        near=streams.near,
        tty=bool(document["tty"]),
        status_pipe=status[0] if status else None,
        owned=owned,
    )
    vm.timing = {key: answer[key] for key in ("requested_tsc", "forked_tsc") if key in answer}
    return vm


def _text(input: bytes | str | None) -> str | None:
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
