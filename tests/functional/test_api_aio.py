"""The asyncio API, with the fake VMM."""

from __future__ import annotations

import asyncio
import inspect
import json

import pytest
from limits import LIMIT

import ramet
from ramet import aio, registry

READY = 'if [ -z "$RAMET_DOCUMENT" ]; then echo ready > "$RAMET_DEVICE"; sleep 100; fi; printf %s "$RAMET_DOCUMENT"'


def test_run(fake_image: str) -> None:
    async def main() -> None:
        async with await aio.run(fake_image, ["sh", "-c", "cat; exit 3"]) as vm:
            result = await vm.communicate("x" * 300_000, timeout=LIMIT)
            assert (len(result.stdout), result.status) == (300_000, 3)
        async with await aio.run(fake_image, ["sleep", "100"]) as vm:
            await vm.pause()
            assert await vm.state() == "paused"
            await vm.resume()
            with pytest.raises(ramet.TimeoutExpired):
                await vm.wait(0.1)
            with pytest.raises(ramet.TimeoutExpired):
                await vm.communicate(timeout=0.1)
            await vm.kill()
            assert await vm.wait(LIMIT) == 137

    asyncio.run(main())
    assert list(registry.entries()) == []


def test_many_clones_at_once(fake_image: str) -> None:
    async def main() -> None:
        async with await aio.freeze(fake_image, ["sh", "-c", READY]) as template:
            vms = await template.clone(6)
            results = await aio.gather(vms, timeout=LIMIT)
            assert len({json.loads(result.stdout)["id"] for result in results}) == 6
            async with await template.clone(input="x") as vm:
                assert json.loads((await vm.communicate()).stdout)["input"] == "x"
            with pytest.raises(ramet.CloneError):
                await template.clone(input="refuse")
            for vm in vms:
                await vm.remove()

    asyncio.run(main())
    assert list(registry.entries()) == []


@pytest.mark.parametrize("name", ["VM", "Template"])
def test_mirrors_the_sync_api(name: str) -> None:
    def public(kind: type) -> set[str]:
        return {item for item, _ in inspect.getmembers(kind) if not item.startswith("_")}

    only_sync = {"stdin", "stdout", "stderr", "exchange", "end_fileno", "see_end", "finish", "close_streams", "keep"}
    assert public(getattr(ramet, name)) - public(getattr(aio, name)) <= {*only_sync, "directory", "pid", "record"}
