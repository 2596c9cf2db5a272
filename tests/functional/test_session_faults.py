"""Sessions whose processes die at any instant, on hosts without room: statuses are right, nothing is stuck or left.

``make soak`` multiplies the rounds (``RAMET_SOAK``).
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import resource
import signal
import time
from pathlib import Path

import pytest
from limits import LIMIT

import ramet

pytestmark = pytest.mark.usefixtures("kvm")

SOAK = int(os.environ.get("RAMET_SOAK", "1"))
ROUNDS = 20 * SOAK

# Children that hold a lock, write to a pipe and make files; what is wrong with one is printed.
WORKERS = r"""
use Fcntl ':flock';
$| = 1;
open L, '>', '/tmp/lock' or die;
my ($n, $killed) = (0, 0);
sub check {
    my ($pid, $status, $got, $all) = @_;
    unlink "/tmp/f$pid";
    if ($status == 9) { $killed++ }
    elsif ($status != 0) { print "status $status\n" }
    elsif ($got != $all) { print "short: $got\n" }
    open M, '>', '/tmp/lock' or print "open: $!\n";
    flock(M, LOCK_EX | LOCK_NB) or print "the lock is stuck\n";
    close M;
    $n++;
}
sub work {
    open M, '>', '/tmp/lock' or exit 3;
    for (1 .. $_[0]) {
        flock M, LOCK_EX or exit 4;
        syswrite W, 'x' x 100;
        open F, '>', "/tmp/f$$" or exit 5;
        print F 'y';
        close F;
        unlink "/tmp/f$$";
        flock M, LOCK_UN;
    }
    exit 0;
}
"""

FROM_OUTSIDE = (
    WORKERS
    + r"""
print "begin\n";
until (-e '/tmp/stop') {
    pipe R, W;
    my $pid = fork;
    if (!defined $pid) { print "fork: $!\n"; next }
    if (!$pid) { close R; work(60) }
    close W;
    my $got = 0;
    while (my $part = sysread R, my $bytes, 4096) { $got += $part }
    close R;
    waitpid $pid, 0;
    check($pid, $?, $got, 6000);
}
print "rounds $n killed $killed\n";
"""
)

FROM_INSIDE = (
    WORKERS
    + r"""
my $rounds = shift;
srand(shift);
for (1 .. $rounds) {
    pipe R, W;
    my $pid = fork;
    if (!defined $pid) { print "fork: $!\n"; next }
    if (!$pid) { close R; work(10000) }
    close W;
    select undef, undef, undef, rand 0.06;
    kill 9, $pid;
    my $got = 0;
    while (my $part = sysread R, my $bytes, 4096) { $got += $part }
    close R;
    waitpid $pid, 0;
    check($pid, $?, $got, $got);
}
print "rounds $n killed $killed\n";
"""
)

# A parent that is killed while it makes children, which are then nobody's and end by themselves.
PARENTS = r"""
$| = 1;
my $rounds = shift;
srand(shift);
for (1 .. $rounds) {
    my $pid = fork;
    if (!defined $pid) { print "fork: $!\n"; next }
    if (!$pid) { while (1) { my $child = fork; exit 0 if defined $child && !$child; wait if rand() < 0.5 } }
    select undef, undef, undef, rand 0.15;
    kill 9, $pid;
    waitpid $pid, 0;
    print "status $?\n" if $? != 9;
}
print "done\n";
"""


def keeper_of(vm: ramet.VM) -> int:
    """The process of the session's keeper."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            name, _, rest = path.read_text().partition("(")[2].rpartition(")")
            if name == "ramet-keeper" and int(rest.split()[1]) == vm.pid:
                return int(path.parent.name)
    raise AssertionError("no keeper")


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def settle(vm: ramet.VM, processes: int = 1) -> None:
    """Waits until the session has no more processes than that."""
    end = time.monotonic() + 30
    while len(vm.processes()) > processes:
        assert time.monotonic() < end, vm.processes()
        time.sleep(0.05)


def test_children_killed_from_outside() -> None:
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    with ramet.run("test-tools", ["perl", "-e", FROM_OUTSIDE]) as vm:
        assert vm.stdout is not None
        assert vm.stdout.readline() == b"begin\n"
        time.sleep(0.5)
        keeper, killed = keeper_of(vm), 0
        vm.exec(["true"]).wait(LIMIT)
        before = descriptors(keeper)
        while killed < ROUNDS:
            time.sleep(chance.random() * 0.1)
            for process in vm.processes():
                if process["vmm"] not in (None, vm.pid):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(process["vmm"], signal.SIGKILL)
                        killed += 1
        assert vm.exec(["touch", "/tmp/stop"]).wait(LIMIT) == 0
        lines = [line.decode() for line in vm.stdout]
        found = re.fullmatch(r"rounds (\d+) killed (\d+)\n", lines[-1])
        assert found and len(lines) == 1, (seed, lines)
        # Some were over, and only not waited for, when they were killed.
        assert int(found[2]) >= killed // 2, (seed, lines)
        assert before <= 40
        assert vm.wait(LIMIT) == 0


def test_nothing_leaks_when_children_are_killed() -> None:
    with ramet.run("test-tools", ["sleep", "1000"]) as vm:
        vm.exec(["true"]).wait(LIMIT)
        keeper = keeper_of(vm)
        before = descriptors(keeper)
        for _ in range(5 * SOAK):
            process = vm.exec(["sh", "-c", "sleep 100 | sleep 100"])
            time.sleep(random.random() * 0.3)
            for item in vm.processes():
                if item["vmm"] not in (None, vm.pid):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(item["vmm"], signal.SIGKILL)
            assert process.wait(LIMIT) == 137
            # What was being made when the rest was killed.
            for item in vm.processes():
                if item["vmm"] not in (None, vm.pid):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(item["vmm"], signal.SIGKILL)
        settle(vm)
        assert descriptors(keeper) <= before


@pytest.mark.parametrize("program", [FROM_INSIDE, PARENTS], ids=["children", "parents"])
def test_killed_from_inside(program: str) -> None:
    seed = random.randrange(1 << 31)
    with ramet.run("test-tools", ["perl", "-e", program + "sleep 1000;", str(ROUNDS), str(seed)]) as vm:
        assert vm.stdout is not None
        line = vm.stdout.readline().decode()
        assert re.fullmatch(rf"rounds {ROUNDS} killed \d+\n|done\n", line), (seed, line)
        settle(vm)
        assert descriptors(keeper_of(vm)) <= 40


def test_the_keeper_is_killed() -> None:
    with ramet.run("test-tools", ["sh", "-c", "sleep 1000 & sleep 1000"]) as vm:
        time.sleep(0.5)
        process = vm.exec(["sleep", "1000"])
        hosts = [item["vmm"] for item in vm.processes() if item["vmm"]]
        assert len(hosts) >= 3
        os.kill(keeper_of(vm), signal.SIGKILL)
        with pytest.raises(ramet.VMCrashed, match="the session's keeper is gone") as caught:
            vm.communicate(timeout=LIMIT)
        assert caught.value.status == 125
        assert caught.value.stderr.text.count("\n") == 1
        assert process.wait(LIMIT) == 137
        end = time.monotonic() + 10
        while any(Path(f"/proc/{host}").exists() for host in hosts):
            assert time.monotonic() < end, "VMs are left"
            time.sleep(0.05)


# Says how forks went: ok, or the error; and that the parent still works.
FORKS = r"""
$| = 1;
print "begin\n"; <STDIN>;
for (1 .. 3) {
    my $pid = fork;
    print defined $pid ? "ok\n" : $!{EAGAIN} ? "EAGAIN\n" : $!{ENOMEM} ? "ENOMEM\n" : "$!\n" if !defined $pid || $pid;
    exit 0 if defined $pid && !$pid;
    wait;
}
open F, '>', '/tmp/file' or print "open: $!\n"; print F 'text'; close F;
print -s '/tmp/file', "\n"; <STDIN>;
my $pid = fork; exit 7 if defined $pid && !$pid; wait; print $? >> 8, "\n";
"""


@pytest.mark.parametrize("what", ["descriptors of the VM", "descriptors of the keeper"])
def test_the_host_has_no_room(what: str) -> None:
    with ramet.run("test-tools", ["perl", "-MErrno", "-e", FORKS]) as vm:
        assert vm.stdin is not None and vm.stdout is not None
        assert vm.stdout.readline() == b"begin\n"
        assert vm.pid is not None
        vm.exec(["true"]).wait(LIMIT)  # the session begins
        pid = vm.pid if what == "descriptors of the VM" else keeper_of(vm)
        _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, hard))
        vm.stdin.write(b"\n")
        first, *others = [vm.stdout.readline() for _ in range(4)]
        # The keeper may have had ready what one process needs.
        assert first == b"EAGAIN\n" or (first == b"ok\n" and what == "descriptors of the keeper")
        assert others == [b"EAGAIN\n"] * 2 + [b"4\n"]
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (hard, hard))
        vm.stdin.write(b"\n")
        assert vm.stdout.readline() == b"7\n"


COME_AND_GO = r"""
$| = 1;
for my $n (1 .. shift) {
    my @pids = map { my $pid = fork; defined $pid or die "fork: $!"; exit $_ if !$pid; $pid } 1 .. 20;
    for (0 .. 19) { waitpid($pids[$_], 0) == $pids[$_] && $? >> 8 == $_ + 1 or die "status $?" }
}
print "done\n"; sleep 1000;
"""


def test_processes_come_and_go() -> None:
    """A hundred here, two thousand in the soak test."""
    batches = 5 if SOAK == 1 else 100
    with ramet.run("test-tools", ["perl", "-e", COME_AND_GO, str(batches)]) as vm:
        assert vm.stdout is not None
        assert vm.stdout.readline() == b"done\n"
        assert len(vm.processes()) == 1
        keeper = keeper_of(vm)
        assert descriptors(keeper) <= 40
        rollup = Path(f"/proc/{keeper}/smaps_rollup").read_text()
        assert int(re.findall(r"Private_Dirty: *(\d+) kB", rollup)[0]) < 16 << 10
