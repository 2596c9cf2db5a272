"""`ramet exec` and `VM.exec`: processes that are added to a running VM."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from limits import LIMIT, SETTLE
from test_terminal import Terminal, command

import ramet
import ramet.aio

pytestmark = pytest.mark.usefixtures("kvm")

# Two programs to add to: one that never forks, and one that does all the time and counts what it waits for.
QUIET = ["sleep", "1000"]
BUSY = [
    "perl",
    "-e",
    "$|=1; while (1) { if (!fork) { exit 7 } wait; print $? >> 8, qq(\\n); select undef,undef,undef,.05 }",
]


@pytest.fixture(params=[QUIET, BUSY], ids=["quiet", "busy"])
def vm(request: pytest.FixtureRequest) -> Iterator[ramet.VM]:
    with ramet.run("test-tools", request.param, stdin=ramet.DEVNULL, env={"FROM_RUN": "yes"}, cwd="/usr") as vm:
        yield vm


def run(vm: ramet.VM, *args: str, input: bytes | None = None, **options) -> ramet.Result:
    return vm.exec(args, **options).communicate(input, timeout=LIMIT)


def vmm_of(vm: ramet.VM, process: ramet.Process) -> int:
    """The process of the host behind a process, which may have just begun."""
    while True:
        (host,) = [item["vmm"] for item in vm.processes() if item["pid"] == process.pid]
        if host is not None:
            return int(host)
        time.sleep(0.01)


def test_bytes_that_are_no_text(vm: ramet.VM) -> None:
    """Arguments and variables arrive as they are, UTF-8 or not."""
    argument, value = os.fsdecode(b"a\x80\xffb"), os.fsdecode(b"\xfe\xc3\xa9")
    result = run(vm, "sh", "-c", 'printf "%s|%s" "$1" "$X"', "sh", argument, env={"X": value})
    assert (result.stdout, result.status) == (b"a\x80\xffb|\xfe\xc3\xa9", 0)


def test_streams_status_and_environment(vm: ramet.VM) -> None:
    script = "cat; echo err >&2; echo $FROM_RUN $MORE $PPID; pwd; exit 3"
    result = run(vm, "sh", "-c", script, input=b"x" * 300_000 + b"\n", env={"MORE": "1"})
    assert result.stdout == b"x" * 300_000 + b"\nyes 1 0\n/usr\n"
    assert (result.stderr, result.status, result.reason) == (b"err\n", 3, "exited")
    assert run(vm, "pwd", cwd="/tmp").stdout == b"/tmp\n"
    assert run(vm, "id", "-u", user="nobody").stdout == b"65534\n"
    assert run(vm, "sh", "-c", "kill -TERM $$").status == 143


def test_both_outputs_in_one_place_stay_in_order(vm: ramet.VM, tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as out:
        process = vm.exec(
            ["sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do echo $i; echo $i >&2; done"], stdout=out, stderr=out
        )
        assert process.wait(LIMIT) == 0
    assert (tmp_path / "out").read_text() == "".join(f"{n}\n{n}\n" for n in range(1, 10))


def test_programs_that_cannot_run(vm: ramet.VM) -> None:
    for args, options, status, words in [
        (["/no/such"], {}, 127, "no such file"),
        (["/etc/passwd"], {}, 126, "permission denied"),
        (["true"], {"user": "nobody-of-that-name"}, 125, "no user"),
        (["true"], {"cwd": "/no/such"}, 125, "working directory"),
    ]:
        process = vm.exec(args, **options)
        with pytest.raises(ramet.VMError, match=words):
            process.wait(LIMIT)
        assert process.ended is not None and process.ended.status == status
    with pytest.raises(ramet.RametError, match="too long"):
        vm.exec(["true", "x" * (4 << 20)])
    assert run(vm, "echo", "still").stdout == b"still\n"


def test_files_and_processes_are_the_sessions(vm: ramet.VM) -> None:
    run(vm, "sh", "-c", "echo shared > /tmp/file").check()
    assert run(vm, "cat", "/tmp/file").stdout == b"shared\n"
    first = next(process["pid"] for process in vm.processes() if process["parent"] == 0)
    assert run(vm, "sh", "-c", f"kill -0 {first}").status == 0
    with vm.exec(["sleep", "100"]) as sleeper:
        assert run(vm, "sh", "-c", f"kill -9 {sleeper.pid}").status == 0
        assert sleeper.wait(LIMIT) == 137


def test_the_program_waits_for_its_own_children_only() -> None:
    with ramet.run("test-tools", BUSY) as vm:
        assert vm.stdout is not None
        assert vm.stdout.readline() == b"7\n"
        for _ in range(5):
            assert run(vm, "sh", "-c", "exit 9").status == 9
        lines = [vm.stdout.readline() for _ in range(20)]
        assert lines == [b"7\n"] * 20


def test_many_at_a_time(vm: ramet.VM) -> None:
    processes = [vm.exec(["sh", "-c", f"cat; exit {n}"]) for n in range(12)]
    results = [process.communicate(f"{n}\n", timeout=LIMIT) for n, process in enumerate(processes)]
    assert [(r.status, r.stdout.text) for r in results] == [(n, f"{n}\n") for n in range(12)]


def test_ends_with_the_session(vm: ramet.VM) -> None:
    process = vm.exec(["sh", "-c", "sleep 1000 & sleep 1000"])
    time.sleep(0.3)
    left = {item["vmm"] for item in vm.processes()}
    assert len(left) >= 3
    vm.kill()
    assert process.wait(LIMIT) == 137
    assert vm.wait(LIMIT) == 137
    end = time.monotonic() + 10
    while any(Path(f"/proc/{pid}/status").exists() for pid in left if pid) and time.monotonic() < end:
        time.sleep(0.05)
    assert not [pid for pid in left if pid and Path(f"/proc/{pid}/status").exists()]


def test_what_it_leaves_behind_goes_on() -> None:
    with ramet.run("test-tools", QUIET) as vm:
        assert run(vm, "sh", "-c", "(sleep 0.5; echo late > /tmp/late) >/dev/null 2>&1 &").status == 0
        time.sleep(1.5 * SETTLE)
        assert run(vm, "cat", "/tmp/late").stdout == b"late\n"


def test_its_vmm_is_killed(vm: ramet.VM) -> None:
    process = vm.exec(["sleep", "1000"])
    os.kill(vmm_of(vm, process), signal.SIGKILL)
    assert process.wait(LIMIT) == 137
    assert run(vm, "echo", "unharmed").stdout == b"unharmed\n"


def test_signals(vm: ramet.VM) -> None:
    process = vm.exec(["sh", "-c", "trap 'echo usr1; exit 5' USR1; echo on; while :; do sleep 0.1; done"])
    assert process.stdout is not None
    assert process.stdout.readline() == b"on\n"
    process.signal(signal.SIGUSR1)
    result = process.communicate(timeout=LIMIT)
    assert (result.stdout, result.status) == (b"usr1\n", 5)
    process.signal(signal.SIGUSR1)  # it is over: nothing happens


def test_frozen_and_paused() -> None:
    with ramet.run("test-tools", QUIET) as vm:
        vm.pause()
        with pytest.raises(ramet.VMError, match="paused"):
            vm.exec(["true"])
        vm.resume()
        assert run(vm, "true").status == 0
    with ramet.freeze("python", ["python3", "-c", "open('/dev/ramet','w').write('ready')"]) as template:
        entry = template._entry
        from ramet.process import start

        with pytest.raises(ramet.VMError, match="frozen"):
            start(entry, ["true"], None, None, None, (ramet.PIPE,) * 3, tty=False)


def test_clones_take_processes() -> None:
    warm = "import time; open('/dev/ramet','r+').write('ready'); time.sleep(1000)"
    with ramet.freeze("python", ["python3", "-c", warm]) as template, template.clone() as clone:
        assert run(clone, "python3", "-c", "import os; print(os.getppid())").stdout == b"0\n"


def test_pause_stops_all_processes() -> None:
    count = "my $n = 0; $|=1; while (1) { open F, '>', '/tmp/n'; print F $n++; close F; select undef,undef,undef,.01 }"
    with ramet.run("test-tools", ["sh", "-c", f'perl -e "{count}" & wait'.replace("$", "\\$")]) as vm:

        def number() -> int:
            """What the program has counted to; it truncates the file before each write."""
            while not (text := run(vm, "cat", "/tmp/n").stdout):
                time.sleep(0.05)
            return int(text)

        number()
        vm.pause()
        assert vm.state == "paused"
        states = [
            Path(f"/proc/{item['vmm']}/stat").read_text().rpartition(")")[2].split()[0] for item in vm.processes()
        ]
        # The first one's vCPU stands still; the others are stopped by the host's kernel.
        assert states[1:] == ["T"] * (len(states) - 1)
        vm.resume()
        before = number()
        time.sleep(SETTLE)
        assert number() > before


def test_asyncio() -> None:
    async def main() -> None:
        async with await ramet.aio.run("test-tools", QUIET, stdin=ramet.DEVNULL) as vm:
            processes = [await vm.exec(["sh", "-c", f"cat; exit {n}"]) for n in range(3)]
            results = await asyncio.gather(*(process.communicate("in", timeout=LIMIT) for process in processes))
            assert [(r.status, r.stdout) for r in results] == [(n, b"in") for n in range(3)]
            async with await vm.exec(["sleep", "1000"]) as sleeper:
                assert sleeper.pid in [item["pid"] for item in await vm.processes()]
                await sleeper.signal(signal.SIGTERM)
                assert await sleeper.wait(LIMIT) == 143

    asyncio.run(main())


def test_command_line(cli) -> None:
    cli("run", "-d", "--name", "x", "test-tools", *QUIET, check=0)
    try:
        done = cli(
            "exec", "-e", "A=1", "-w", "/tmp", "x", "sh", "-c", "cat; echo $A $(pwd); exit 4", input="in\n", check=4
        )
        assert (done.stdout, done.stderr) == ("in\n1 /tmp\n", "")
        assert cli("exec", "x", "/no/such", check=127).stderr.count("\n") == 1
        assert cli("exec", "x", check=2).stderr.count("\n") == 1
        assert cli("exec", "nobody-of-that-name", "true", check=125).stderr.count("\n") == 1
        child = subprocess.Popen(command("exec", "x", "sleep", "1000"))
        time.sleep(SETTLE)
        child.send_signal(signal.SIGINT)
        assert child.wait(LIMIT) == 130
    finally:
        cli("rm", "-f", "x", check=0)


def test_terminal(cli) -> None:
    cli("run", "-d", "--name", "x", "test-tools", *QUIET, check=0)
    try:
        script = "trap 'stty size' WINCH; trap 'echo interrupted; exit 6' INT; stty size; while :; do sleep 0.1; done"
        user = Terminal(command("exec", "-t", "x", "sh", "-c", script))
        user.expect("31 97")
        user.resize(40, 50)
        os.kill(user.process.pid, signal.SIGWINCH)
        user.expect("40 50")
        user.type("\x03")
        user.expect("interrupted")
        assert user.close() == 6
        # Input that is no terminal: its end is what a person types to end it.
        done = cli("exec", "-t", "x", "sh", "-c", "read line; echo got $line; cat; exit 7", input="text\n", check=7)
        assert "got text" in done.stdout
    finally:
        cli("rm", "-f", "x", check=0)


def test_a_terminal_that_goes_away_hangs_up(cli) -> None:
    with ramet.run("test-tools", QUIET) as vm:
        process = vm.exec(["sleep", "1000"], tty=True)
        assert process.stdin is not None and process.stdout is not None
        process.stdin.close()
        process.stdout.close()
        assert process.wait(LIMIT) == 129


def test_tree(cli) -> None:
    with (
        ramet.run("test-tools", ["sh", "-c", "sleep 1000 & wait"], name="trunk") as vm,
        vm.exec(["sleep", "999"]) as leaf,
    ):
        time.sleep(SETTLE)
        (node,) = json.loads(cli("tree", "--json", "trunk", check=0).stdout)
        assert (node["name"], node["kind"], node["state"], node["clones"]) == ("trunk", "vm", "running", [])
        by_args = {tuple(process["args"]): process for process in node["processes"]}
        first = by_args["sh", "-c", "sleep 1000 & wait"]
        assert by_args["sleep", "1000"]["parent"] == first["pid"]
        assert (by_args["sleep", "999"]["pid"], by_args["sleep", "999"]["exec"]) == (leaf.pid, True)
        for process in node["processes"]:
            memory = process["memory"]
            assert set(memory) == {"resident", "shared", "private", "proportional"}
            assert memory["resident"] == memory["shared"] + memory["private"] > 0
        text = cli("tree", check=0).stdout
        assert "sleep 999" in text and "exec" in text and text.startswith("trunk (")
        vm.remove(force=True)


def test_tree_shows_families(cli) -> None:
    warm = "import time; open('/dev/ramet','r+').write('ready'); time.sleep(1000)"
    with ramet.freeze("python", ["python3", "-c", warm], name="seed") as template, template.clone() as clone:
        (node,) = json.loads(cli("tree", "--json", "seed", check=0).stdout)
        assert (node["kind"], [below["id"] for below in node["clones"]]) == ("template", [clone.id])
        assert node["clones"][0]["memory"]["shared"] > 0
        assert json.loads(cli("inspect", clone.id, check=0).stdout)["processes"][0]["vmm"] == clone.pid
