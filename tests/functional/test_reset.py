"""A clone that was reset is as it was when it began, and is never identical where it must not be."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import Any

import pytest

import ramet
from ramet import aio

pytestmark = pytest.mark.usefixtures("kvm")

PATIENCE = 60.0
PROGRAM = """
import json, os, random, secrets, signal, sys, threading, time, uuid
import ramet_guest

memory = bytearray(64 << 10)
numbers = []
os.makedirs("/srv", exist_ok=True)
with open("/srv/before", "w") as f:
    f.write("before")
kept = open("/srv/before")
ticks = []
signal.signal(signal.SIGALRM, lambda *_: ticks.append(1))
beats = []
def beat():
    while True:
        time.sleep(0.005)
        beats.append(1)
threading.Thread(target=beat, daemon=True).start()
last = time.monotonic()
me = ramet_guest.ready()
for line in sys.stdin:
    order = json.loads(line)
    if "do" in order:
        exec(order["do"])
    answer = eval(order.get("ask", "None"))
    print(json.dumps(answer), flush=True)
"""
STATE = """{
    "memory": sum(memory), "numbers": len(numbers), "files": sorted(os.listdir("/srv")),
    "position": kept.tell(), "before": open("/srv/before").read(), "threads": threading.active_count(),
    "descriptors": len(os.listdir("/proc/self/fd")), "timer": signal.getitimer(signal.ITIMER_REAL)[0],
    "cwd": os.getcwd(), "mask": len(signal.pthread_sigmask(signal.SIG_BLOCK, [])), "umask": os.umask(0o22),
}"""
SPOIL = """
for i in range(0, len(memory), 4096):
    memory[i] = 1
numbers.extend(range(300000))
kept.read()
for i in range(20):
    with open(f"/srv/after{i}", "w") as f:
        f.write("x" * 10000)
os.unlink("/srv/before")
with open("/srv/before", "w") as f:
    f.write("after")
threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
extra = [os.open("/dev/null", os.O_RDONLY) for _ in range(30)] + list(os.pipe())
signal.setitimer(signal.ITIMER_REAL, 50)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
os.chdir("/tmp")
os.umask(0o77)
"""
UNIQUE = """[os.urandom(16).hex(), str(uuid.uuid4()), str(uuid.uuid1()), random.random(), secrets.token_hex(8),
             ramet_guest.identity().generation]"""


def ask(vm: ramet.VM, expression: str, do: str = "") -> Any:
    """Has the program do something, and tell something."""
    assert vm.stdin is not None
    assert vm.stdout is not None
    vm.stdin.write(json.dumps({"do": do, "ask": expression}).encode() + b"\n")
    line = vm.stdout.readline()
    assert line, vm.wait(PATIENCE)
    return json.loads(line)


@pytest.fixture
def template() -> Any:
    with ramet.freeze("python", ["python3", "-c", PROGRAM], resettable=True, timeout=PATIENCE) as made:
        yield made


def test_everything_is_as_at_the_start(template: ramet.Template) -> None:
    with template.clone() as vm:
        before = ask(vm, STATE)
        for _ in range(5):
            assert ask(vm, STATE, SPOIL) != before
            done = vm.reset()
            assert done["pages"] > 50
            assert ask(vm, STATE) == before


def test_a_reset_clone_is_another_one(template: ramet.Template) -> None:
    with template.clone() as vm:
        seen: list[list[Any]] = [[] for _ in range(6)]
        for _ in range(10):
            for values, value in zip(seen, ask(vm, UNIQUE), strict=True):
                values.append(value)
            vm.reset()
        for values in seen:
            assert len({*values}) == len(values), values
        assert seen[5] == [*range(1, 11)]
        assert vm.info()["generation"] == 11


def test_it_finds_another_request(template: ramet.Template) -> None:
    me = "(lambda me: [me.input, me.args, me.env, me.id])(ramet_guest.identity())"
    with template.clone(input="one", args=["a"], env={"K": "1"}) as vm:
        assert ask(vm, me) == ["one", ["a"], {"K": "1"}, vm.id]
        vm.reset(input="two")
        assert ask(vm, me) == ["two", ["a"], {"K": "1"}, vm.id]
        vm.reset(args=["b"], env={})
        assert ask(vm, me) == ["two", ["b"], {}, vm.id]
        assert ask(vm, "me.input") == "two"


def test_time_goes_on(template: ramet.Template) -> None:
    with template.clone() as vm:
        last = 0.0
        for _ in range(50):
            now, first, wall = ask(vm, "[time.monotonic(), last, time.time()]")
            assert now >= last >= 0
            assert now >= first
            assert abs(wall - time.time()) < 5
            last = now
            vm.reset()


def test_threads_and_timers_go_on_from_the_start(template: ramet.Template) -> None:
    with template.clone() as vm:
        ask(vm, "0", "signal.setitimer(signal.ITIMER_REAL, 0.05)")
        vm.reset()
        assert ask(vm, "[len(ticks), signal.getitimer(signal.ITIMER_REAL)[0]]", "time.sleep(0.2)") == [0, 0.0]
        assert ask(vm, "len(beats) > 3", "time.sleep(0.2)")


def test_new_streams(template: ramet.Template) -> None:
    with template.clone() as vm:
        assert ask(vm, "1+1") == 2
        old = vm.stdout
        vm.reset(streams=True, stdin=ramet.PIPE, stdout=ramet.PIPE, stderr=ramet.PIPE)
        assert vm.stdout is not old
        assert ask(vm, "2+2") == 4
        assert vm.stdin is not None
        vm.stdin.close()
        assert vm.wait(PATIENCE) == 0


def test_siblings_and_template_are_left_alone(template: ramet.Template) -> None:
    vms = [vm for vm in template.clone(2) if isinstance(vm, ramet.VM)]
    try:
        first, second = vms
        ask(first, "0", "numbers.extend([1]); open('/srv/mine', 'w').close()")
        ask(second, "0", "numbers.extend([1, 2]); open('/srv/mine', 'w').close()")
        for _ in range(20):
            first.reset()
            assert ask(first, "[len(numbers), os.path.exists('/srv/mine')]") == [0, False]
            assert ask(second, "[len(numbers), os.path.exists('/srv/mine')]") == [2, True]
        with template.clone() as third:
            assert ask(third, "[len(numbers), os.path.exists('/srv/mine')]") == [0, False]
    finally:
        for vm in vms:
            vm.remove(force=True)


def test_many_resets_cost_the_same(template: ramet.Template) -> None:
    count = 2000
    with template.clone() as vm:
        kept, times = [], []
        for number in range(count):
            assert ask(vm, "len(numbers)", "numbers.append(1)") == 1
            start = time.perf_counter()
            kept.append(vm.reset()["kept"])
            times.append(time.perf_counter() - start)
            if number == count // 10:
                resident = rss(vm.pid or 0)
        early, late = sorted(times[20 : count // 4]), sorted(times[-count // 4 :])
        assert late[len(late) // 2] < 3 * early[len(early) // 2]
        assert kept[-1] < 2 * kept[50] + 64
        assert rss(vm.pid or 0) < resident + (8 << 20)


def rss(pid: int) -> int:
    """Bytes that only this process has."""
    with open(f"/proc/{pid}/smaps_rollup") as rollup:
        return sum(int(line.split()[1]) * 1024 for line in rollup if line.startswith("Private"))


def test_from_inside() -> None:
    program = """
import os, ramet_guest
me = ramet_guest.ready()
print(me.generation, os.urandom(4).hex(), os.path.exists("/mark"), flush=True)
open("/mark", "w").close()
if me.generation < 200:
    ramet_guest.reset()
print("over", flush=True)
"""
    with ramet.freeze("python", ["python3", "-c", program], resettable=True, timeout=PATIENCE) as template:
        with template.clone() as vm:
            lines = vm.communicate(timeout=PATIENCE).stdout.decode().splitlines()
        assert lines[-1] == "over"
        runs = [line.split() for line in lines[:-1]]
        assert [run[0] for run in runs] == [str(number) for number in range(1, 201)]
        assert len({run[1] for run in runs}) == 200
        assert {run[2] for run in runs} == {"False"}


def test_children_end(template: ramet.Template) -> None:
    with template.clone() as vm:
        for _ in range(3):
            assert ask(vm, "os.fork() or time.sleep(600)") > 0
            assert len(vm.processes()) == 2
            done = vm.reset()
            assert done["renewed"]
            assert ask(vm, "threading.active_count()") == 2
            assert len(vm.processes()) == 1
            assert ask(vm, "os.path.exists('/srv/before')")


def test_during_heavy_output_and_input(template: ramet.Template) -> None:
    with template.clone(stdin=ramet.PIPE, stdout=ramet.DEVNULL) as vm:
        assert vm.stdin is not None
        for _ in range(10):
            vm.stdin.write(json.dumps({"do": "while True: print('x' * 5000)"}).encode() + b"\n")
            time.sleep(0.02)
            vm.reset()
        vm.reset(streams=True, stdin=ramet.PIPE, stdout=ramet.PIPE, stderr=ramet.PIPE)
        assert ask(vm, "len(numbers)") == 0


def test_a_paused_one_stays_paused(template: ramet.Template) -> None:
    with template.clone() as vm:
        ask(vm, "0", "numbers.append(1)")
        vm.pause()
        vm.reset()
        assert vm.state == "paused"
        vm.resume()
        assert ask(vm, "len(numbers)") == 0


def test_without_its_template() -> None:
    with ramet.freeze("python", ["python3", "-c", PROGRAM], resettable=True, timeout=PATIENCE) as template:
        vm = template.clone()
    with vm:
        ask(vm, "0", SPOIL)
        vm.reset()
        assert ask(vm, "[len(numbers), sum(memory)]") == [0, 0]


def test_what_it_goes_back_to_is_killed(template: ramet.Template) -> None:
    with (
        ramet.freeze("python", ["python3", "-c", PROGRAM], resettable=True, timeout=PATIENCE, pool=0) as own,
        own.clone() as vm,
    ):
        # From its first instruction on it has one.
        ask(vm, "0", SPOIL)
        still = [
            pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if is_still_of(pid, {own.pid, vm.pid})
        ]
        assert still
        for pid in still:
            os.kill(pid, signal.SIGKILL)
        while any(is_still_of(pid, {own.pid, vm.pid}) for pid in still):
            time.sleep(0.01)
        with pytest.raises(ramet.VMError, match="is gone"):
            vm.reset()
        # Nothing has happened to it.
        assert ask(vm, "1+1") == 2


def is_still_of(pid: int, parents: set[int | None]) -> bool:
    try:
        with open(f"/proc/{pid}/status") as status:
            fields = {key: value.strip() for key, _, value in (line.partition(":") for line in status)}
    except OSError:
        return False
    return fields["Name"] == "ramet-still" and int(fields["PPid"]) in parents


def test_one_clone_of_a_template_that_is_not() -> None:
    with (
        ramet.freeze("python", ["python3", "-c", PROGRAM], timeout=PATIENCE) as template,
        template.clone() as plain,
        template.clone(resettable=True) as vm,
    ):
        with pytest.raises(ramet.VMError, match="resettable"):
            plain.reset()
        ask(vm, "0", SPOIL)
        vm.reset()
        assert ask(vm, "[len(numbers), sum(memory)]") == [0, 0]
        with vm.clone(resettable=True, stdin=ramet.PIPE) as live:
            assert ask(live, "len(numbers)", "numbers.append(1)") == 1
            live.reset()
            assert ask(live, "len(numbers)") == 0


def test_a_vm_that_was_never_cloned_says_what_to_do() -> None:
    with ramet.run("python", ["python3", "-c", "input()"]) as vm, pytest.raises(ramet.VMError, match="never cloned"):
        vm.reset()


def test_thorough(template: ramet.Template) -> None:
    with template.clone() as vm:
        ask(vm, "0", SPOIL)
        assert vm.reset(thorough=True)["renewed"]
        assert ask(vm, "[len(numbers), sum(memory)]") == [0, 0]


def test_breakpoints_are_one_clones_own(template: ramet.Template) -> None:
    lines = "[line for line in open('/proc/self/maps') if 'r-xp' in line and 'python' in line]"
    find = f"int({lines}[0].split('-')[0], 16)"
    vms = [vm for vm in template.clone(2) if isinstance(vm, ramet.VM)]
    try:
        first, second = vms
        address = ask(first, find) + 64
        assert ask(second, find) + 64 == address
        text = first.read_memory(address, 4096)
        mark = bytes(16)
        first.write_memory(address, mark)
        assert first.read_memory(address, 16) == mark
        assert second.read_memory(address, 4096) == text
        first.reset()
        assert first.read_memory(address, 4096) == text
        first.write_memory(address, mark, keep=True)
        first.reset()
        assert first.read_memory(address, 16) == mark
        with template.clone() as third:
            ask(third, "0")
            assert third.read_memory(address, 4096) == text
        with pytest.raises(ramet.VMError):
            first.write_memory(0, b"x")
        with pytest.raises(ramet.VMError):
            first.read_memory(0xFFFF_C000_0000_0000, 8)
    finally:
        for vm in vms:
            vm.remove(force=True)


def test_memory_that_is_kept_stays(template: ramet.Template) -> None:
    where = "__import__('ctypes').addressof(__import__('ctypes').c_char.from_buffer(memory))"
    with template.clone() as vm:
        address = ask(vm, where)
        vm.write_memory(address, b"abc")
        assert ask(vm, "memory[:3].decode()") == "abc"
        vm.reset()
        assert ask(vm, "sum(memory)") == 0
        vm.write_memory(address, b"def", keep=True)
        for _ in range(3):
            vm.reset()
            assert ask(vm, "memory[:3].decode()", "memory[0:4096] = bytes(4096)") == "\0\0\0"
        vm.reset()
        assert ask(vm, "memory[:3].decode()") == "def"


async def _asynchronous(template: aio.Template) -> None:
    async with await template.clone() as vm:
        done = await vm.reset(input="x")
        assert done["generation"] == 2


def test_asyncio(template: ramet.Template) -> None:
    import asyncio

    asyncio.run(_asynchronous(aio.Template(template)))
