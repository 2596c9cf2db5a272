"""Every limit of a session, hit from inside: the program goes on, and another session works meanwhile."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from limits import LIMIT

import ramet

pytestmark = pytest.mark.usefixtures("kvm")

# Forks until that fails; says how often it worked and why it failed, lets all of them end, and forks once more.
FORKS = r"""
$| = 1;
pipe R, W;
my @pids;
while (@pids < 500) {
    my $pid = fork;
    if (!defined $pid) { print scalar @pids, ' ', $!{EAGAIN} ? 'EAGAIN' : $!{ENOMEM} ? 'ENOMEM' : $!, "\n"; last }
    if (!$pid) { close W; sysread R, my $byte, 1; exit 5 }
    push @pids, $pid;
}
close W;
for (@pids) { waitpid($_, 0) == $_ && $? == 5 << 8 or print "status $?\n" }
my $pid = fork; exit 7 if defined $pid && !$pid; waitpid $pid, 0; print $? >> 8, "\n";
"""


@pytest.fixture
def neighbour() -> Iterator[None]:
    """Another session, which works all the time."""
    program = "my $n = 0; for (1 .. 25) { my $p = fork; exit 3 if !$p; waitpid $p, 0; $n += $? >> 8 } print $n"
    with ramet.run("test-tools", ["perl", "-e", program]) as vm:
        yield
        assert vm.communicate(timeout=LIMIT).stdout == b"75"


@pytest.mark.usefixtures("neighbour")
def test_processes() -> None:
    with ramet.run("test-tools", ["perl", "-MErrno", "-e", FORKS], max_clones=9) as vm:
        assert vm.communicate(timeout=LIMIT).stdout == b"9 EAGAIN\n7\n"
    with ramet.run("test-tools", ["perl", "-MErrno", "-e", FORKS], max_clones=0) as vm:
        assert vm.communicate(timeout=LIMIT).stdout.startswith(b"0 EAGAIN\n")


@pytest.mark.usefixtures("neighbour")
def test_memory_of_all_together() -> None:
    # Each begins with 32 MiB.
    with ramet.run("test-tools", ["perl", "-MErrno", "-e", FORKS], session_memory="200M") as vm:
        assert vm.communicate(timeout=LIMIT).stdout == b"5 ENOMEM\n7\n"
    # Not a constant, which perl would make before the fork.
    grows = (
        "my $p = fork; if (!$p) { my $n = 15e7; my $x = 'x' x $n; exit 0 } waitpid $p, 0; print $? ? 'failed' : 'grew'"
    )
    with ramet.run("test-tools", ["perl", "-e", grows], session_memory="200M", memory="1G") as vm:
        assert vm.communicate(timeout=LIMIT).stdout == b"failed"
    with ramet.run("test-tools", ["perl", "-e", grows], memory="1G") as vm:
        assert vm.communicate(timeout=LIMIT).stdout == b"grew"


@pytest.mark.usefixtures("neighbour")
def test_a_fork_bomb_stays_inside() -> None:
    bomb = "bomb() { bomb | bomb & }; bomb 2>/dev/null; sleep 3; echo over"
    with ramet.run("test-tools", ["bash", "-c", bomb], max_clones=40, timeout=LIMIT) as vm:
        result = vm.communicate(timeout=LIMIT)
    # The shell itself may be what cannot fork.
    assert result.reason == "exited" and (result.stdout == b"over\n" or b"fork" in result.stderr), result


def test_the_keeper_has_no_rights() -> None:
    with ramet.run("test-tools", ["sh", "-c", "true & wait; echo begun; sleep 1000"]) as vm:
        assert vm.stdout is not None and vm.stdout.readline() == b"begun\n"
        found = []
        for path in Path("/proc").glob("[0-9]*/status"):
            try:
                text = path.read_text()
            except OSError:
                continue
            if text.startswith("Name:\tramet-keeper\n") and f"\nPPid:\t{vm.pid}\n" in text:
                found.append(text)
        (status,) = found
        assert re.search(r"^NoNewPrivs:\t1$", status, re.MULTILINE)
        assert re.search(r"^Seccomp:\t2$", status, re.MULTILINE)


# A file until there is no room: the error, that the program goes on, and how much there was. What else a VM can leave
# in the keeper has a limit as well: crates/keeper/tests/heap.rs.
FULL = r"""
$| = 1;
my $pid = fork; exit 0 if !$pid; waitpid $pid, 0;
my $n = 0;
open F, '>', '/tmp/big' or die;
while ($n < 2000) { defined syswrite F, 'x' x 1048576 or last; $n++ }
my $error = "$!"; close F; unlink '/tmp/big';
print "$error\n";
my $again = fork; exit 7 if defined $again && !$again; waitpid $again, 0; print $? >> 8, " $n\n";
"""


@pytest.mark.usefixtures("neighbour")
def test_data_of_files() -> None:
    with ramet.run("test-tools", ["perl", "-e", FULL], memory="96M") as vm:
        lines = vm.communicate(timeout=120).stdout.text.split()
    *error, status, count = lines
    assert (" ".join(error), status) == ("No space left on device", "7")
    assert 60 <= int(count) <= 96
