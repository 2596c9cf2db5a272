"""The Python API for asyncio: the same names, the same parameters, awaitable.

::

    import asyncio
    from ramet import aio

    async def main():
        async with await aio.freeze("python", ["python3", "warm.py"]) as template:
            vms = await template.clone(100)
            results = await asyncio.gather(*(vm.communicate() for vm in vms))

What only asks the VMM something takes a fraction of a millisecond and is done in a thread; waiting and streams use the
event loop, so that a thousand VMs need no thread each.
"""

from __future__ import annotations

import asyncio
import contextlib
import selectors
from collections.abc import Iterable, Sequence
from pathlib import Path
from signal import Signals
from typing import Any, Self

import ramet.api
import ramet.process
import ramet.template
import ramet.vm
from ramet.conversation import Conversation
from ramet.errors import RametError, TimeoutExpired
from ramet.image import Image
from ramet.registry import Ended
from ramet.result import Output, Result
from ramet.streams import Exchange

__all__ = ["VM", "Process", "Template", "freeze", "gather", "run"]


class VM:
    """See :class:`ramet.VM`; ``sync`` is the object that this one wraps."""

    def __init__(self, sync: ramet.vm.VM) -> None:
        self.sync = sync

    @classmethod
    async def find(cls, reference: str) -> VM:
        """See :meth:`ramet.VM.find`."""
        return cls(await asyncio.to_thread(ramet.vm.VM.find, reference))

    @classmethod
    async def list(cls) -> Sequence[VM]:
        """See :meth:`ramet.VM.list`."""
        return [cls(vm) for vm in await asyncio.to_thread(ramet.vm.VM.list)]

    @property
    def id(self) -> str:
        """See :attr:`ramet.VM.id`."""
        return self.sync.id

    @property
    def name(self) -> str:
        """See :attr:`ramet.VM.name`."""
        return self.sync.name

    @property
    def pid(self) -> int | None:
        """See :attr:`ramet.VM.pid`."""
        return self.sync.pid

    @property
    def directory(self) -> Path:
        """See :attr:`ramet.VM.directory`."""
        return self.sync.directory

    @property
    def ended(self) -> Ended | None:
        """See :attr:`ramet.VM.ended`."""
        return self.sync.ended

    async def state(self) -> str:
        """See :attr:`ramet.VM.state`."""
        return await asyncio.to_thread(lambda: self.sync.state)

    async def info(self) -> dict[str, Any]:
        """See :meth:`ramet.VM.info`."""
        return await asyncio.to_thread(self.sync.info)

    async def logs(self) -> Output:
        """See :meth:`ramet.VM.logs`."""
        return await asyncio.to_thread(self.sync.logs)

    async def communicate(self, input: bytes | str | None = None, *, timeout: float | None = None) -> Result:
        """See :meth:`ramet.VM.communicate`."""
        return await _communicate(self.sync, input, timeout)

    async def wait(self, timeout: float | None = None) -> int:
        """See :meth:`ramet.VM.wait`."""
        return await _wait(self.sync, timeout)

    async def kill(self) -> None:
        """See :meth:`ramet.VM.kill`."""
        await asyncio.to_thread(self.sync.kill)

    async def signal(self, number: int | Signals) -> None:
        """See :meth:`ramet.VM.signal`."""
        await asyncio.to_thread(self.sync.signal, number)

    async def pause(self) -> None:
        """See :meth:`ramet.VM.pause`."""
        await asyncio.to_thread(self.sync.pause)

    async def resume(self) -> None:
        """See :meth:`ramet.VM.resume`."""
        await asyncio.to_thread(self.sync.resume)

    async def resize(self, rows: int, columns: int) -> None:
        """See :meth:`ramet.VM.resize`."""
        await asyncio.to_thread(self.sync.resize, rows, columns)

    async def wait_ready(self, timeout: float | None = None) -> None:
        """See :meth:`ramet.VM.wait_ready`."""
        await asyncio.to_thread(self.sync.wait_ready, timeout)

    async def remove(self, *, force: bool = False) -> None:
        """See :meth:`ramet.VM.remove`."""
        await asyncio.to_thread(lambda: self.sync.remove(force=force))

    async def clone(self, n: int | None = None, **options: Any) -> Any:
        """See :meth:`ramet.VM.clone`: a :class:`VM`, or with ``n`` a list of VMs and errors."""
        return await _clone(self.sync, n, options)

    async def reset(self, **options: Any) -> dict[str, Any]:
        """See :meth:`ramet.VM.reset`."""
        return await asyncio.to_thread(lambda: self.sync.reset(**options))

    async def read_memory(self, address: int, length: int) -> bytes:
        """See :meth:`ramet.VM.read_memory`."""
        return await asyncio.to_thread(self.sync.read_memory, address, length)

    async def write_memory(self, address: int, data: bytes, *, keep: bool = False) -> None:
        """See :meth:`ramet.VM.write_memory`."""
        await asyncio.to_thread(lambda: self.sync.write_memory(address, data, keep=keep))

    async def exec(self, args: Sequence[str], **options: Any) -> Process:
        """See :meth:`ramet.VM.exec`."""
        return Process(await asyncio.to_thread(lambda: self.sync.exec(args, **options)))

    async def processes(self) -> Sequence[dict[str, Any]]:
        """See :meth:`ramet.VM.processes`."""
        return await asyncio.to_thread(self.sync.processes)

    async def freeze(self, name: str | None = None, **options: Any) -> Template:
        """See :meth:`ramet.VM.freeze`."""
        return Template(await asyncio.to_thread(lambda: self.sync.freeze(name, **options)))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.remove(force=True)

    def __repr__(self) -> str:
        return f"<ramet.aio.VM {self.name}>"


class Process:
    """See :class:`ramet.Process`; ``sync`` is the object that this one wraps."""

    def __init__(self, sync: ramet.process.Process) -> None:
        self.sync = sync

    @property
    def pid(self) -> int | None:
        """See :attr:`ramet.Process.pid`."""
        return self.sync.pid

    @property
    def ended(self) -> Ended | None:
        """See :attr:`ramet.Process.ended`."""
        return self.sync.ended

    async def communicate(self, input: bytes | str | None = None, *, timeout: float | None = None) -> Result:
        """See :meth:`ramet.Process.communicate`."""
        return await _communicate(self.sync, input, timeout)

    async def wait(self, timeout: float | None = None) -> int:
        """See :meth:`ramet.Process.wait`."""
        return await _wait(self.sync, timeout)

    async def signal(self, number: int | Signals) -> None:
        """See :meth:`ramet.Process.signal`."""
        await asyncio.to_thread(self.sync.signal, number)

    async def kill(self) -> None:
        """See :meth:`ramet.Process.kill`."""
        await asyncio.to_thread(self.sync.kill)

    async def resize(self, rows: int, columns: int) -> None:
        """See :meth:`ramet.Process.resize`."""
        await asyncio.to_thread(self.sync.resize, rows, columns)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await asyncio.to_thread(self.sync.__exit__, *exception)

    def __repr__(self) -> str:
        return f"<ramet.aio.Process {self.pid} of {self.sync.name}>"


class Template:
    """See :class:`ramet.Template`; ``sync`` is the object that this one wraps."""

    def __init__(self, sync: ramet.template.Template) -> None:
        self.sync = sync

    @classmethod
    async def find(cls, name: str) -> Template:
        """See :meth:`ramet.Template.find`."""
        return cls(await asyncio.to_thread(ramet.template.Template.find, name))

    @classmethod
    async def list(cls) -> Sequence[Template]:
        """See :meth:`ramet.Template.list`."""
        return [cls(template) for template in await asyncio.to_thread(ramet.template.Template.list)]

    @property
    def id(self) -> str:
        """See :attr:`ramet.Template.id`."""
        return self.sync.id

    @property
    def name(self) -> str:
        """See :attr:`ramet.Template.name`."""
        return self.sync.name

    async def state(self) -> str:
        """See :attr:`ramet.Template.state`."""
        return await asyncio.to_thread(lambda: self.sync.state)

    async def info(self) -> dict[str, Any]:
        """See :meth:`ramet.Template.info`."""
        return await asyncio.to_thread(self.sync.info)

    async def clone(self, n: int | None = None, **options: Any) -> Any:
        """See :meth:`ramet.Template.clone`: a :class:`VM`, or with ``n`` a list of VMs and errors."""
        return await _clone(self.sync, n, options)

    async def set_pool(self, target: int, maximum: int | None = None) -> None:
        """See :meth:`ramet.Template.set_pool`."""
        await asyncio.to_thread(lambda: self.sync.set_pool(target, maximum))

    async def remove(self) -> None:
        """See :meth:`ramet.Template.remove`."""
        await asyncio.to_thread(self.sync.remove)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.remove()

    def __repr__(self) -> str:
        return f"<ramet.aio.Template {self.name}>"


async def run(image: str | Image, args: Sequence[str] = (), **options: Any) -> VM:
    """See :func:`ramet.run`."""
    return VM(await asyncio.to_thread(lambda: ramet.api.run(image, args, **options)))


async def freeze(image: str | Image | VM, args: Sequence[str] = (), **options: Any) -> Template:
    """See :func:`ramet.freeze`."""
    source = image.sync if isinstance(image, VM) else image
    return Template(await asyncio.to_thread(lambda: ramet.api.freeze(source, args, **options)))


async def gather(vms: Iterable[VM | RametError], *, timeout: float | None = None) -> list[Result | RametError]:
    """See :func:`ramet.gather`."""

    async def one(item: VM | RametError) -> Result | RametError:
        if isinstance(item, RametError):
            return item
        try:
            return await item.communicate()
        except RametError as error:
            return error

    items = list(vms)
    try:
        return list(await asyncio.wait_for(asyncio.gather(*map(one, items)), timeout))
    except TimeoutError:
        late = next(item for item in items if isinstance(item, VM) and item.ended is None)
        raise _late(late.sync, timeout) from None


async def _clone(parent: ramet.vm.VM | ramet.template.Template, n: int | None, options: dict[str, Any]) -> Any:
    make: Any = parent.clone
    made = await asyncio.to_thread(lambda: make(n, **options))
    if isinstance(made, ramet.vm.VM):
        return VM(made)
    return [VM(item) if isinstance(item, ramet.vm.VM) else item for item in made]


async def _communicate(sync: Conversation, input: bytes | str | None, timeout: float | None) -> Result:
    exchange = sync.exchange(input)
    try:
        await asyncio.wait_for(_drive(exchange), timeout)
    except TimeoutError:
        raise _late(sync, timeout) from None
    return exchange.result()


async def _wait(sync: Conversation, timeout: float | None) -> int:
    try:
        await asyncio.wait_for(_ended(sync), timeout)
    except TimeoutError:
        raise _late(sync, timeout) from None
    return sync.finish(b"", b"").status


def _late(vm: Conversation, timeout: float | None) -> TimeoutExpired:
    return TimeoutExpired(
        f"still running after {timeout:g} s", timeout=timeout, hint="give it more time, or kill() it", vm=vm.name
    )


async def _drive(exchange: Exchange) -> None:
    """Serves the exchange's descriptors from the event loop until it is done."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    watched = dict(exchange.watch)

    def stop(descriptor: int) -> None:
        (loop.remove_writer if watched.pop(descriptor) == selectors.EVENT_WRITE else loop.remove_reader)(descriptor)

    def ready(descriptor: int) -> None:
        events = watched[descriptor]
        # Taken out before it may be closed; a closed descriptor's number may come back.
        stop(descriptor)
        try:
            again = exchange.ready(descriptor)
        except Exception as error:
            if not done.done():
                done.set_exception(error)
            return
        if again:
            start(descriptor, events)
        elif not watched and not done.done():
            done.set_result(None)

    def start(descriptor: int, events: int) -> None:
        watched[descriptor] = events
        (loop.add_writer if events == selectors.EVENT_WRITE else loop.add_reader)(descriptor, ready, descriptor)

    for descriptor, events in list(watched.items()):
        start(descriptor, events)
    if not watched:
        return
    try:
        await done
    finally:
        for descriptor in list(watched):
            with contextlib.suppress(OSError, ValueError):
                stop(descriptor)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


async def _ended(vm: Conversation) -> None:
    loop = asyncio.get_running_loop()
    while not vm.see_end():
        descriptor = vm.end_fileno()
        if descriptor is None:
            await asyncio.sleep(0.001)  # starting: its process is not known yet
            continue
        readable: asyncio.Future[None] = loop.create_future()
        loop.add_reader(descriptor, _settle, readable)
        try:
            await readable
        finally:
            loop.remove_reader(descriptor)
