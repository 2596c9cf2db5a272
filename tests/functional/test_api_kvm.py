"""The Python API with real VMs: identity, independence and cleanliness of clones."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from limits import LIMIT

import ramet
from ramet import aio, registry

pytestmark = pytest.mark.usefixtures("kvm")

WARM = """
import json, os, random, sys, uuid
import ramet_guest
random.seed(7)
me = ramet_guest.ready()
print(json.dumps({
    "id": me.id, "generation": me.generation, "input": me.input, "args": me.args, "env": me.env, "name": me.name,
    "random": random.random(), "urandom": os.urandom(16).hex(), "uuid": str(uuid.uuid4()), "pid": os.getpid(),
}), flush=True)
sys.exit(int(me.args[0]) if me.args else 0)
"""


def test_contract_example() -> None:
    with ramet.run("python", ["python3", "-c", "print(6*7)"]) as vm:
        assert str(vm.communicate(timeout=LIMIT).stdout) == "42\n"
    assert list(registry.entries()) == []


def test_conversation() -> None:
    script = "import sys\nfor line in sys.stdin: print(line.strip()[::-1], flush=True)"
    with ramet.run("python", ["python3", "-c", script]) as vm:
        assert vm.stdin is not None and vm.stdout is not None
        for word in (b"abc", b"xyz"):
            vm.stdin.write(word + b"\n")
            assert vm.stdout.readline() == word[::-1] + b"\n"
        assert vm.communicate(timeout=LIMIT).ok


@pytest.mark.parametrize(
    ("program", "status", "why"), [("/no/such", 127, "no such file"), ("/etc/passwd", 126, "permission denied")]
)
def test_a_program_that_cannot_start_has_failed(program: str, status: int, why: str) -> None:
    with ramet.run("python", [program]) as vm:
        with pytest.raises(ramet.VMError, match=f"the program could not run: {program}: {why}"):
            vm.communicate(timeout=LIMIT)
        ended = registry.find(vm.id).ended()
        assert ended is not None and (ended.status, ended.reason) == (status, "failed")


def test_clones_are_themselves() -> None:
    with ramet.freeze("python", ["python3", "-c", WARM]) as template:
        with template.clone(input=b"in", args=["3"], env={"K": "v"}, name="one") as vm:
            result = vm.communicate(timeout=LIMIT)
        first = json.loads(result.stdout)
        assert result.status == 3
        assert (first["input"], first["args"], first["env"], first["name"]) == ("in", ["3"], {"K": "v"}, "one")
        assert first["generation"] == 1
        results = ramet.gather(template.clone(20), timeout=LIMIT)
        documents = [json.loads(result.stdout) for result in results if isinstance(result, ramet.Result)]
        assert len(documents) == 20
        for key in ("id", "random", "urandom", "uuid", "pid"):
            assert len({document[key] for document in documents}) == 20, key
        info = template.info()
        assert info["state"] == "frozen"


def test_live_clone_leaves_its_parent_alone() -> None:
    script = """
import os, sys, time
file = open('/tmp/file', 'w+'); file.write('shared past'); file.flush()
r, w = os.pipe(); os.write(w, b'in the pipe')
print('go', flush=True)
word = sys.stdin.readline().strip()
start = time.monotonic(); time.sleep(0.2); slept = time.monotonic() - start
file.write(' of ' + word); file.flush()
print(word, open('/tmp/file').read(), os.read(r, 100).decode(), 0.15 < slept < 5, flush=True)
"""
    with ramet.run("python", ["python3", "-c", script]) as vm:
        assert vm.stdout is not None
        assert vm.stdout.readline() == b"go\n"
        with vm.clone() as copy:
            assert (
                copy.communicate(b"clone\n", timeout=LIMIT).stdout == b"clone shared past of clone in the pipe True\n"
            )
        assert vm.communicate(b"parent\n", timeout=LIMIT).stdout == b"parent shared past of parent in the pipe True\n"


def test_clone_in_its_sleep() -> None:
    script = "import time; print('go', flush=True); time.sleep(1); print('awake')"
    with ramet.run("python", ["python3", "-c", script]) as vm:
        assert vm.stdout is not None
        assert vm.stdout.readline() == b"go\n"
        with vm.clone() as copy:
            assert copy.communicate(timeout=LIMIT).stdout == b"awake\n"
        assert vm.communicate(timeout=LIMIT).stdout == b"awake\n"


def test_clone_gets_volumes_read_only(tmp_path: Path) -> None:
    script = """
import ramet_guest
ramet_guest.ready()
try:
    open('/mnt/written', 'a').write('x')
    print('written')
except OSError as error:
    print(error.strerror)
"""
    with ramet.freeze("python", ["python3", "-c", script], volumes=[f"{tmp_path}:/mnt"]) as template:
        with template.clone() as vm:
            assert vm.communicate(timeout=LIMIT).stdout == b"Read-only file system\n"
        assert not (tmp_path / "written").exists()
        with template.clone(share_volumes=True) as vm:
            assert vm.communicate(timeout=LIMIT).stdout == b"written\n"
        assert (tmp_path / "written").read_text() == "x"


def test_clones_of_clones() -> None:
    script = "import sys\nprint('go', flush=True)\nfor line in sys.stdin: print(line.strip(), flush=True)"
    with ramet.run("python", ["python3", "-c", script]) as vm:
        assert vm.stdout is not None and vm.stdout.readline() == b"go\n"
        family = [vm]
        try:
            for _ in range(3):
                family.append(family[-1].clone())
            for generation, member in enumerate(family):
                assert member.info()["generation"] == generation
                assert member.communicate(f"{generation}\n", timeout=LIMIT).stdout == f"{generation}\n".encode()
        finally:
            for member in family[1:]:
                member.remove(force=True)


def test_template_dies_with_its_process_and_is_reported() -> None:
    with ramet.freeze("python", ["python3", "-c", WARM]) as template:
        vm = template.clone(stdin=ramet.DEVNULL)
        import os
        import signal

        os.kill(template.pid or 0, signal.SIGKILL)
        assert vm.communicate(timeout=LIMIT).ok  # a clone does not need its template
        with pytest.raises(ramet.VMError, match="not running"):
            template.clone()


def test_asyncio() -> None:
    async def main() -> None:
        async with await aio.freeze("python", ["python3", "-c", WARM]) as template:
            vms = await template.clone(10)
            results = await aio.gather(vms, timeout=LIMIT)
            assert len({json.loads(result.stdout)["uuid"] for result in results}) == 10

    asyncio.run(main())


def test_a_kernel_that_dies_under_its_program() -> None:
    script = (
        "import ctypes, mmap\n"
        "page = mmap.mmap(-1, 4096, prot=7); page.write(b'\\xe6\\x84')\n"  # out %al,$0x84: the hypercall PANIC
        "print('said', flush=True)\n"
        "ctypes.CFUNCTYPE(None)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()\n"
    )
    with ramet.run("python", ["python3", "-c", script]) as vm:
        with pytest.raises(ramet.VMCrashed, match="died while its program ran") as caught:
            vm.communicate(timeout=LIMIT)
        assert (caught.value.status, caught.value.stdout, vm.ended and vm.ended.status) == (125, b"said\n", 125)


def test_errors_say_what_to_do() -> None:
    with pytest.raises(ramet.TimeoutExpired, match="not ready within") as late:
        ramet.freeze("python", ["python3", "-c", "import time; time.sleep(60)"], timeout=0.7)
    assert late.value.timeout == 0.7 and late.value.hint
    slow = ramet.run("python", ["python3", "-c", "import time; time.sleep(60)"])
    with slow as vm, pytest.raises(ramet.TimeoutExpired, match="not ready within"):
        vm.wait_ready(timeout=0.2)
    for arguments in ("ls", b"ls", ["a\0b"], [1]):
        with pytest.raises(ramet.UsageError) as wrong:
            ramet.run("python", arguments)  # type: ignore[arg-type]
        assert wrong.value.hint
    three = ramet.run("python", ["python3", "-c", "raise SystemExit(3)"])
    with three as vm, pytest.raises(ramet.VMError, match="status 3") as failed:
        vm.communicate(timeout=LIMIT).check()
    assert failed.value.hint
    with ramet.run("python", ["/no/such"]) as vm, pytest.raises(ramet.VMError) as failed:
        vm.communicate(timeout=LIMIT)
    assert failed.value.hint
    assert list(registry.entries()) == []


GREEDY = """
import mmap, sys
import ramet_guest
me = ramet_guest.ready()
kept = []
for _ in range(int(me.args[0])):
    kept.append(mmap.mmap(-1, 8 << 20))
    for at in range(0, 8 << 20, 4096):
        kept[-1][at] = 1
print(len(kept), flush=True)
"""


def test_clones_that_take_much_memory_at_once() -> None:
    """Also the first, whose pages are looked at; one that passes its limit ends, and says why."""
    with ramet.freeze("python", ["python3", "-c", GREEDY]) as template:
        with template.clone(args=["12"]) as first:
            assert first.communicate(timeout=LIMIT).stdout == b"12\n"
        with template.clone(args=["12"], memory="64M") as small, template.clone(args=["12"]) as large:
            result = small.communicate(timeout=LIMIT)
            assert (result.status, result.reason) == (137, "signal"), result
            assert b"out of memory: the program is ended" in result.stderr
            assert large.communicate(timeout=LIMIT).stdout == b"12\n"
