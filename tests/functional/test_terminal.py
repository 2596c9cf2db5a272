"""Terminals: `ramet run -t` and `ramet clone --attach -t` as a user at a keyboard sees them."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest
from limits import LIMIT, SETTLE
from terminal import COLUMNS, ROWS, Terminal, command

import ramet

pytestmark = pytest.mark.usefixtures("kvm")


@pytest.fixture
def shell() -> Iterator[Terminal]:
    """An interactive bash."""
    variables = ["-e", "PS1=prompt> ", "-e", "TERM=dumb"]
    terminal = Terminal(command("run", "--rm", "-t", *variables, "test-tools", "bash", "--norc", "-i"))
    terminal.expect("prompt> ")
    yield terminal
    terminal.type("exit 7\n")
    assert terminal.close() == 7


def test_line_editing(shell: Terminal) -> None:
    shell.type("echo one tree\x1b[D\x1b[D\x1b[Dh\n")
    shell.expect("\r\none three\r\n")
    shell.type("read -p 'name? ' name; echo hello $name\n")
    shell.expect("\r\nname? ")
    shell.type("plsnt\x7f\x7f\x7f\x7fant\n")
    shell.expect("hello pant\r\n")


def test_size_of_the_window(shell: Terminal) -> None:
    shell.type("echo $LINES $COLUMNS\n")
    shell.expect(f"\r\n{ROWS} {COLUMNS}\r\n")
    shell.resize(22, 66)
    os.kill(shell.process.pid, signal.SIGWINCH)
    time.sleep(SETTLE)
    shell.type("echo $LINES $COLUMNS\n")
    shell.expect("\r\n22 66\r\n")


def test_interrupt(shell: Terminal) -> None:
    """^C ends a loop that neither reads nor sleeps; ^Z stops nothing that nobody could continue."""
    shell.type("echo started; while :; do :; done\n")
    shell.expect("\r\nstarted\r\n")
    shell.type("\x1a")
    time.sleep(0.2)
    shell.type("\x03")
    shell.expect("prompt> ")
    shell.type("echo $? > /dev/tty\n")
    shell.expect("\r\n130\r\n")


def test_much_output() -> None:
    """A program that writes faster than the terminal reads waits, and nothing is lost."""
    script = "for n in range(50000): print('line', n)\nprint('end')"
    terminal = Terminal(command("run", "--rm", "-t", "python", "python3", "-c", script))
    lines = terminal.expect("end\r\n", timeout=60).split("\r\n")
    assert lines == [f"line {n}" for n in range(50000)] + ["end", ""]
    assert terminal.close() == 0


def test_clone_gets_a_terminal_of_its_own() -> None:
    """A template that had no terminal; its clone has one, and is interrupted and resized through it."""
    script = """
import os, signal, sys
with open("/dev/ramet", "w") as device:
    device.write("ready")
print(os.ttyname(0), *map(os.isatty, range(3)), os.get_terminal_size(), os.tcgetpgrp(0) == os.getpid(), flush=True)
# Not print: the main program may be in the middle of one.
signal.signal(signal.SIGWINCH, lambda *_: os.write(1, b"size %d %d\\n" % os.get_terminal_size()))
signal.signal(signal.SIGINT, lambda *_: os.write(1, b"interrupted\\n"))
while True:
    line = sys.stdin.readline()
    print("line", repr(line), flush=True)
    if line == "quit\\n":
        sys.exit(3)
"""
    with ramet.freeze("python", ["python3", "-c", script], name="no-terminal"):
        terminal = Terminal(command("clone", "--attach", "--rm", "-t", "no-terminal"))
        size = os.terminal_size((COLUMNS, ROWS))
        terminal.expect(f"/dev/console True True True {size} True\r\n")
        terminal.type("ab\x7fc\n")
        terminal.expect("line 'ac\\n'\r\n")
        terminal.type("\x03")
        terminal.expect("interrupted\r\n")
        terminal.resize(10, 20)
        os.kill(terminal.process.pid, signal.SIGWINCH)
        terminal.expect("size 20 10\r\n")
        terminal.type("quit\n")
        terminal.expect("line 'quit\\n'\r\n")
        assert terminal.close() == 3


def test_input_that_is_there_before_the_vm() -> None:
    """What a pipe holds from the start is echoed once, by the guest's terminal; its end is that of the input."""
    done = subprocess.run(
        command("run", "--rm", "-ti", "test-tools", "cat"),
        input=b"early\n",
        capture_output=True,
        timeout=LIMIT,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, b"early\r\nearly\r\n")
    with ramet.run("test-tools", ["cat"], tty=True) as vm:
        assert vm.communicate(b"early\n\x04", timeout=LIMIT).stdout == b"early\r\nearly\r\n"
