"""Clones and templates of programs that have forked: all processes at one instant, nothing shared, all or nothing."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import time
from pathlib import Path

import pytest

import ramet
from ramet.errors import CloneError, RametError, VMError

pytestmark = pytest.mark.usefixtures("kvm")

# A process and its child, which answers each line through pipes: who has answered whom, how often.
TALK = r"""
$| = 1;
pipe(R, W); pipe(R2, W2);
$p = fork;
if (!$p) { while (sysread R, $c, 1) { $n++; syswrite W2, "$$ $n\n" } exit 0 }
while (1) { syswrite W, "x"; $_ = <R2>; print "$$ $_"; select undef, undef, undef, 0.01 }
"""

# A process and two children over shared memory, which do what they are told: `set N` (one), `add N` (both, locked).
SHARED = r"""
import mmap, multiprocessing, os, sys
memory = mmap.mmap(-1, 1 << 20)
total = multiprocessing.get_context("fork").Value("q", 0)
file = open("/tmp/shared", "w+b"); file.truncate(8192)
mapped = mmap.mmap(file.fileno(), 8192)
ends = []
for _ in range(2):
    (r, w), (r2, w2) = os.pipe(), os.pipe()
    if os.fork() == 0:
        for line in open(r):
            word, number = line.split()
            if word == "add":
                for _ in range(int(number)):
                    with total.get_lock():
                        total.value += 1
            if word == "set":
                memory[70000:70008] = mapped[5000:5008] = number.zfill(8).encode()
            os.write(w2, memory[70000:70008] + b" " + mapped[5000:5008] + b"\n")
        os._exit(0)
    ends.append((open(r2, "rb"), w))
for line in sys.stdin:
    word, number = line.split()
    to = ends[:1] if word == "set" else ends
    for _, w in to:
        os.write(w, line.encode())
    said = [r.readline().decode().strip() for r, _ in to]
    own = memory[70000:70008].decode(), open("/tmp/shared", "rb").read()[5000:5008].decode()
    print(*said, *own, total.value, flush=True)
"""

# Two processes that write one SQLite database (the second through memory that both map), until they are told to stop.
SQLITE = r"""
import os, select, sqlite3, sys
def connect():
    db = sqlite3.connect("/tmp/db", timeout=60, isolation_level=None)
    db.execute("pragma journal_mode=MODE")
    return db
if not os.path.exists("/tmp/db"):
    connect().execute("create table t (who, n, pad)")
def write(who, until):
    db, n = connect(), 0
    while not until():
        n += 1
        db.execute("begin immediate")
        db.execute("insert into t values (?, ?, ?)", (who, n, "x" * 500))
        db.execute("delete from t where n < ? and who = ?", (n - 50, who))
        db.execute("commit")
        if n == 20:
            print("writing", who, flush=True)
    return n
r, w = os.pipe()
if CHILD:
    child = os.fork()
    if child == 0:
        os.close(w)
        write("child", lambda: select.select([r], [], [], 0)[0])
        os._exit(0)
write("parent", lambda: select.select([sys.stdin], [], [], 0)[0])
os.close(w)
if CHILD:
    print("status", os.waitpid(child, 0)[1])
rows = connect().execute("select count(*) from t").fetchone()[0]
print(connect().execute("pragma integrity_check").fetchone()[0], rows >= 20, flush=True)
"""


def line(vm: ramet.VM) -> str:
    assert vm.stdout is not None
    return vm.stdout.readline().decode().strip()


def tell(vm: ramet.VM, text: str) -> str:
    assert vm.stdin is not None
    vm.stdin.write(text.encode() + b"\n")
    vm.stdin.flush()
    return line(vm)


def gone(pids: list[int]) -> bool:
    end = time.monotonic() + 30
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def vmms(vm: ramet.VM) -> list[int]:
    return [int(process["vmm"]) for process in vm.processes() if process["vmm"]]


def keeper_of(vm: ramet.VM) -> int:
    """The keeper is a child of the first VM's VMM, and not its clone."""
    listed = subprocess.run(["ps", "-o", "pid=,comm=", "--ppid", str(vm.pid)], capture_output=True, text=True).stdout
    return next(int(words[0]) for words in map(str.split, listed.splitlines()) if "keeper" in words[1])


def goes_on(vm: ramet.VM) -> list[str]:
    """Its next answers, none of which is missing or told twice."""
    lines = [line(vm).split() for _ in range(4)]
    counts = [int(words[2]) for words in lines]
    assert counts == [*range(counts[0], counts[0] + 4)]
    return lines[0][:2]


def test_all_processes_go_on_in_clones_and_in_clones_of_those() -> None:
    with ramet.run("test-tools", ["perl", "-e", TALK]) as vm:
        who = goes_on(vm)
        first = vm.clone()
        clones = [first, *(one for one in first.clone(2) if isinstance(one, ramet.VM))]
        assert len(clones) == 3
        third = clones[1].clone()
        for one in [*clones, third, vm]:
            assert goes_on(one) == who
        assert third.info()["generation"] == 3
        pids = [vmms(one) for one in [vm, *clones, third]]
        assert len({pid for own in pids for pid in own}) == 10
        # The end of one is the end of its processes, and of no others.
        first.kill()
        assert gone(pids[1])
        for one in [vm, *clones[1:], third]:
            assert goes_on(one) == who
        for one in [*clones, third]:
            one.kill()
    assert gone([pid for own in pids for pid in own])


def test_a_session_is_frozen_and_cloned() -> None:
    with ramet.run("test-tools", ["perl", "-e", TALK]) as vm:
        who = goes_on(vm)
        with vm.freeze() as template:
            assert template.info()["state"] == "frozen"
            starts = []
            for one in template.clone(3):
                assert isinstance(one, ramet.VM)
                with one:
                    starts.append(line(one))
                    assert goes_on(one) == who
            # Each from the same instant.
            assert len(set(starts)) == 1
            with pytest.raises(RametError, match="forked"):
                template.set_pool(4)
            with template.clone(paused=True) as one:
                time.sleep(0.2)
                one.resume()
                assert line(one) == starts[0]


def test_shared_memory_is_a_copy_and_the_same_for_all_of_a_session() -> None:
    with ramet.run("python", ["python3", "-c", SHARED]) as vm:
        assert tell(vm, "set 11") == "00000011 00000011 00000011 00000011 0"
        assert tell(vm, "add 50").endswith(" 100")
        with vm.clone() as one, vm.clone() as two:
            assert tell(one, "set 22") == "00000022 00000022 00000022 00000022 100"
            assert tell(two, "add 5") == " ".join(["00000011"] * 6) + " 110"
            assert tell(vm, "add 7") == " ".join(["00000011"] * 6) + " 114"
            assert tell(one, "add 1") == " ".join(["00000022"] * 6) + " 102"


# A stream through a pipe that is used so much that both VMs share its memory; the reader knows what must come.
STREAM = r"""
import os, sys
r, w = os.pipe()
if os.fork() == 0:
    n = 0
    while True:
        os.write(w, n.to_bytes(8, "little") * 512); n += 1
os.close(w)
n = 0
with open(r, "rb") as f:
    while True:
        got = f.read(4096)
        assert got == n.to_bytes(8, "little") * 512, n
        n += 1
        if n % 500 == 0:
            print(n, flush=True)
"""


def test_a_stream_between_processes_goes_on_in_both() -> None:
    with ramet.run("python", ["python3", "-c", STREAM]) as vm:
        before = int(line(vm))
        for _ in range(3):
            with vm.clone() as one:
                starts = int(line(one))
                assert starts > before
                assert [int(line(one)) for _ in range(3)] == [starts + 500 * n for n in (1, 2, 3)]
            now = [int(line(vm)) for _ in range(3)]
            assert now == [now[0], now[0] + 500, now[0] + 1000]
            before = now[-1]


@pytest.mark.parametrize(("child", "mode"), [(False, "delete"), (True, "delete"), (True, "wal")])
def test_a_database_under_load_is_whole_in_both_copies(child: bool, mode: str) -> None:
    program = f"CHILD = {child}\n" + SQLITE.replace("MODE", mode)
    with ramet.run("python", ["python3", "-c", program]) as vm:
        assert {line(vm) for _ in range(1 + child)} == {"writing parent", *(["writing child"] if child else [])}
        with vm.clone() as one, vm.clone() as two:
            for each in (one, vm, two):
                if child:
                    assert tell(each, "stop") == "status 0"
                    assert line(each) == "ok True"
                else:
                    assert tell(each, "stop") == "ok True"


def test_what_is_left_of_a_session_is_cloned() -> None:
    """One process again, whose files and pipes are the keeper's since its first fork."""
    program = """
        $| = 1;
        if (!fork) { open F, '>', '/tmp/f'; print F 7; exit 0 }
        wait;
        while (<STDIN>) { print `cat /tmp/f`, $_ }
    """
    with ramet.run("test-tools", ["perl", "-e", program]) as vm:
        assert tell(vm, "a") == "7a"
        with vm.clone() as one:
            assert tell(one, "b") == "7b"
            with one.freeze() as template, template.clone() as two:
                assert tell(two, "c") == "7c"
        assert tell(vm, "d") == "7d"


def test_what_cannot_be_copied_is_named(cli) -> None:
    with ramet.run("test-tools", ["perl", "-e", TALK], name="talks") as vm:
        who = goes_on(vm)
        added = vm.exec(["sleep", "1000"])
        for arguments in [("clone", "talks"), ("freeze", "talks", "-t", "never")]:
            done = cli(*arguments, check=1)
            assert f"process {added.pid} of `ramet exec`" in done.stderr, done.stderr
            assert done.stderr.count("\n") <= 2
        added.signal(signal.SIGKILL)
        added.wait(30)
        with pytest.raises(CloneError, match="terminal"):
            vm.clone(tty=True)
        assert json.loads(cli("inspect", "talks", check=0).stdout)["state"] == "running"
        assert goes_on(vm) == who
        vm.remove(force=True)


def test_a_process_that_does_not_stop_and_one_that_cannot_be_copied_undo_everything() -> None:
    with ramet.run("test-tools", ["perl", "-e", TALK]) as vm:
        who = goes_on(vm)
        first, child = vmms(vm)
        # It does not answer.
        stop_host(child, signal.SIGSTOP)
        pid = [process["pid"] for process in vm.processes() if process["vmm"] == child]
        with pytest.raises(CloneError, match=f"process {pid[0]} did not stop in time"):
            vm.clone()
        stop_host(child, signal.SIGCONT)
        assert goes_on(vm) == who
        # Its copy has no room for a channel of its own; the others' copies have.
        limit = resource.prlimit(child, resource.RLIMIT_AS)
        size = int(Path(f"/proc/{child}/statm").read_text().split()[0]) * resource.getpagesize()
        resource.prlimit(child, resource.RLIMIT_AS, (size - (1 << 20), limit[1]))
        with pytest.raises(VMError, match="the session could not be copied"):
            vm.clone().communicate(timeout=60)
        resource.prlimit(child, resource.RLIMIT_AS, limit)
        assert goes_on(vm) == who
        with vm.clone() as one:
            assert goes_on(one) == who
        # Nobody is left of what failed.
        assert sorted(vmms(vm)) == sorted([first, child])


def stop_host(pid: int, number: int) -> None:
    descriptor = os.pidfd_open(pid)
    try:
        signal.pidfd_send_signal(descriptor, number)
    finally:
        os.close(descriptor)


def test_a_clone_of_a_session_ends_at_its_deadline_and_says_why() -> None:
    with ramet.run("test-tools", ["perl", "-e", TALK]) as vm:
        who = goes_on(vm)
        one = vm.clone(timeout=1)
        pids = vmms(one)
        ended = one.communicate(timeout=60).ended
        assert (ended.reason, ended.status) == ("timeout", 124)
        assert gone(pids)
        assert goes_on(vm) == who


def test_a_paused_session_and_a_paused_clone_stand_still() -> None:
    with ramet.run("test-tools", ["perl", "-e", TALK]) as vm:
        who = goes_on(vm)
        vm.pause()
        with vm.clone() as one, vm.clone(paused=True) as two:
            assert goes_on(one) == who
            states = {pid: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] for pid in vmms(two)[1:]}
            assert set(states.values()) == {"T"}, states
            two.resume()
            assert goes_on(two) == who
        vm.resume()
        assert goes_on(vm) == who


# Processes all the time: some that end at once, one that always follows another.
FAMILY = r"""
$| = 1;
for ($n = 1; ; $n++) {
    my @pids = map { my $p = fork; defined $p or die "fork: $!"; exit $_ if !$p; $p } 1 .. 3;
    for (0 .. 2) { waitpid($pids[$_], 0) == $pids[$_] && $? >> 8 == $_ + 1 or die "status $?" }
    `echo $n` == $n or die "echo";
    print "$$ x $n\n";
}
"""


def test_clones_while_processes_come_and_go_leave_nothing_behind() -> None:
    with ramet.run("test-tools", ["perl", "-e", FAMILY]) as vm:
        who = goes_on(vm)
        with vm.clone() as one:
            assert goes_on(one) == who
        keeper = keeper_of(vm)
        before = len(list(Path(f"/proc/{keeper}/fd").iterdir()))
        for one in vm.clone(6):
            assert isinstance(one, ramet.VM), one
            with one:
                assert goes_on(one) == who
        assert goes_on(vm) == who
        assert len(list(Path(f"/proc/{keeper}/fd").iterdir())) <= before + 12
