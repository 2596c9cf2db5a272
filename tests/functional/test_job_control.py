"""Job control with a VM for each process: a shell, `script`, an editor and a pager as a user at a keyboard sees it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from limits import SETTLE
from terminal import COLUMNS, ROWS, Terminal, command

from ramet import registry

pytestmark = pytest.mark.usefixtures("kvm")

PROMPT = "prompt> "


def ready(program: str) -> str:
    """A command that says "ready" when it is in the foreground, and becomes the program."""
    return f"sh -c 'echo read''y; exec {program}'"


WAITS = ready("sleep 1000") + "\n"


def start(*options: str) -> Terminal:
    """An interactive bash."""
    variables = ["-e", f"PS1={PROMPT}", "-e", "TERM=dumb"]
    terminal = Terminal(command("run", "--rm", "-it", *variables, *options, "test-tools", "bash", "--norc", "-i"))
    terminal.expect(PROMPT)
    return terminal


def leave(terminal: Terminal) -> None:
    """Ends the shell, and all that belongs to it."""
    terminal.type("exit 7\n")
    assert terminal.close() == 7


@pytest.fixture
def shell() -> Iterator[Terminal]:
    """An interactive bash, which ends as it is told to."""
    terminal = start()
    yield terminal
    leave(terminal)


def run(terminal: Terminal, line: str) -> str:
    """Runs a command; what it has shown."""
    terminal.type(line + "\n")
    terminal.expect(line + "\r\n")
    return terminal.expect(PROMPT).removesuffix(PROMPT)


def kill_job(terminal: Terminal) -> None:
    """Kills the stopped job, the only one."""
    terminal.type("kill -KILL %1; while jobs | grep -q Stopped; do sleep 0.1; done\n")
    terminal.expect("Killed")
    terminal.expect(PROMPT)
    assert run(terminal, "jobs; echo none") == "none\r\n"


def test_children_have_the_terminal(shell: Terminal) -> None:
    assert run(shell, "/bin/echo one; tty; stty size | cat") == f"one\r\n/dev/console\r\n{ROWS} {COLUMNS}\r\n"
    # The line discipline's editing, for a child that has none of its own.
    shell.type(ready("cat") + "; echo status $?\n")
    shell.expect("\r\nready\r\n")
    shell.type("plsnt\x7f\x7f\x7f\x7flant\n")
    shell.expect("\r\nplant\r\n")
    shell.type("\x04")
    shell.expect("status 0\r\n" + PROMPT)
    # Settings are the terminal's, not the process's.
    assert run(shell, "stty -echo; stty -a | grep -o -- '-echo '; stty echo") == "-echo \r\n"
    assert run(shell, "ps 2>/dev/null; test -t 0 && echo yes </dev/tty") == "yes\r\n"


def test_what_was_typed_before_the_first_child(shell: Terminal) -> None:
    """Input on its way when the terminal moves is neither lost nor out of order."""
    lines = "".join(f"line {n}\n" for n in range(100))
    shell.type("cat > /tmp/typed\n" + lines)
    # Before that, the shell's own mode would make it an ordinary byte.
    time.sleep(SETTLE)
    shell.type("\x04")
    shell.expect(PROMPT)
    assert run(shell, '[ "$(</tmp/typed)" = "$(seq -f \'line %.0f\' 0 99)" ] && echo same') == "same\r\n"


def test_keys_that_end_a_child(shell: Terminal) -> None:
    for key, status in (("\x03", 130), ("\x1c", 131)):
        shell.type(WAITS)
        shell.expect("\r\nready\r\n")
        shell.type(key)
        shell.expect(PROMPT)
        assert run(shell, "echo status $?") == f"status {status}\r\n"
    # All of a pipeline, also what computes; and a trap in the shell's own child.
    shell.type("(trap 'echo caught >&2; exit 3' INT; echo star''ted; while :; do :; done) | cat\n")
    shell.expect("\r\nstarted\r\n")
    shell.type("\x03")
    shell.expect("caught\r\n")
    shell.expect(PROMPT)
    assert run(shell, "echo ${PIPESTATUS[@]}") == "3 130\r\n"
    assert run(shell, "echo still here") == "still here\r\n"


def test_stop_background_foreground(shell: Terminal) -> None:
    shell.type(ready("cat") + "\n")
    shell.expect("\r\nready\r\n")
    shell.type("first\n")
    shell.expect("first\r\nfirst\r\n")
    shell.type("\x1a")
    shell.expect("[1]+  Stopped")
    shell.expect(PROMPT)
    assert run(shell, "jobs").startswith("[1]+  Stopped                 sh -c")
    assert run(shell, "echo status $?") == "status 0\r\n"
    # In the background a reader is stopped again.
    shell.type("bg\n")
    shell.expect("[1]+ sh -c")
    shell.expect(PROMPT)
    assert "Stopped" in run(shell, "wait %1; jobs")
    shell.type("fg\n")
    shell.expect("exec cat'\r\n")
    shell.type("second\n")
    # Whether it is echoed depends on whose mode the terminal is in by then.
    shell.expect("second\r\n")
    time.sleep(SETTLE)
    shell.type("\x04")
    shell.expect(PROMPT)
    assert run(shell, "jobs; echo none") == "none\r\n"
    # A background writer is only stopped if the terminal says so.
    assert "out" in run(shell, "sh -c 'echo out' & wait")
    assert "Stopped" in run(shell, "stty tostop; sh -c 'echo held' & wait %1; jobs; stty -tostop")
    shell.type("fg\n")
    shell.expect("\r\nheld\r\n")
    shell.expect(PROMPT)


def test_the_shell_continues_and_kills(shell: Terminal) -> None:
    shell.type("sh -c 'trap \"echo going on\" CONT; echo read''y; while :; do :; done'\n")
    shell.expect("\r\nready\r\n")
    shell.type("\x1a")
    shell.expect("Stopped")
    shell.expect(PROMPT)
    shell.type("kill -CONT %1\n")
    shell.expect("going on\r\n")
    shell.type("kill -STOP %1; wait %1; jobs\n")
    shell.expect("Stopped")
    shell.expect(PROMPT)
    kill_job(shell)


def test_window_changes_reach_children(shell: Terminal) -> None:
    shell.type("sh -c 'trap \"stty size\" WINCH; echo read''y; while :; do :; done'\n")
    shell.expect("\r\nready\r\n")
    for rows, columns in ((22, 66), (50, 132)):
        shell.drag(rows, columns)
        shell.expect(f"{rows} {columns}\r\n")
    shell.type("\x03")
    shell.expect(PROMPT)
    assert run(shell, "/bin/true; echo $LINES $COLUMNS") == "50 132\r\n"


def cpu_time(directory: Path) -> float:
    """Seconds that the host's processes of the VM with that directory have used."""
    total = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(directory) in (process / "cmdline").read_text():
                total += sum(map(int, (process / "stat").read_text().rpartition(")")[2].split()[11:13]))
        except OSError:
            continue
    return total / 100


def test_a_stopped_process_uses_no_time() -> None:
    shell = start("--name", "stopped-child")
    shell.type("sh -c 'echo read''y; while :; do :; done'\n")
    shell.expect("\r\nready\r\n")
    directory = next(entry.directory for entry in registry.entries() if entry.name == "stopped-child")
    before, end = cpu_time(directory), time.monotonic() + 30
    while cpu_time(directory) - before < 0.1:
        assert time.monotonic() < end, "it does not compute"
        time.sleep(0.1)
    shell.type("\x1a")
    shell.expect("Stopped")
    shell.expect(PROMPT)
    before = cpu_time(directory)
    time.sleep(SETTLE)
    assert cpu_time(directory) - before < 0.1
    kill_job(shell)
    leave(shell)


def test_script(tmp_path: Path) -> None:
    """A shell in a pseudo-terminal of the VM: what `script` writes down is what was shown."""
    shell = start("-v", f"{tmp_path}:/out")
    shell.type("script -q /out/typescript\n")
    shell.expect("typescript\r\n")
    shown = shell.expect(PROMPT)
    shell.type("tty; stty size\n")
    shown += shell.expect(f"/dev/pts/0\r\n{ROWS} {COLUMNS}\r\n" + PROMPT)
    shell.type(ready("cat") + " | cat\n")
    shown += shell.expect("\r\nready\r\n")
    shell.type("back and forth\n")
    shown += shell.expect("back and forth\r\nback and forth\r\n")
    shell.type("\x04")
    shown += shell.expect(PROMPT)
    shell.type(WAITS)
    shown += shell.expect("\r\nready\r\n")
    shell.type("\x03")
    shown += shell.expect("^C")
    shown += shell.expect(PROMPT)
    shell.drag(20, 50)
    shell.type("until test \"`stty size`\" = '20 50'; do :; done; echo resi''zed\n")
    shown += shell.expect("resized\r\n" + PROMPT)
    shell.type("exit\n")
    # The inner shell's last word is the echo of that.
    shown += shell.expect("exit\r\n")
    shell.expect(PROMPT)
    leave(shell)
    text = (tmp_path / "typescript").read_text()
    first, _, rest = text.partition("\n")
    assert first.startswith("Script started on ")
    body, _, _ = rest.rpartition("\nScript done on ")
    assert body.replace("\r\n", "\n").strip() == shown.replace("\r\n", "\n").strip()


def test_editor(tmp_path: Path) -> None:
    shell = start("-v", f"{tmp_path}:/work")
    shell.type("cd /work; TERM=xterm vi file\n")
    shell.expect("~")
    shell.type("ifirst line\nthird line\x1b")
    shell.expect("third line")
    shell.type(":!echo from-$((1+2)); tty\n")
    shell.expect("from-3\r\n/dev/console\r\n")
    shell.expect("Press ENTER")
    shell.type("\n")
    shell.expect("third line")
    shell.type("\x1a")
    shell.expect("Stopped")
    shell.expect(PROMPT)
    assert run(shell, "/bin/echo meanwhile") == "meanwhile\r\n"
    shell.type("fg\n")
    shell.expect("third line")
    shell.type("Osecond line\x1b")
    shell.expect("second line")
    shell.drag(20, 50)
    for _ in range(50):
        shell.type(":set lines? columns?\n")
        size = shell.expect("Press ENTER")
        shell.type("\n")
        if "lines=20" in size and "columns=50" in size:
            break
        time.sleep(0.2)
    assert "lines=20" in size and "columns=50" in size
    shell.type(":wq\n")
    shell.expect("written")
    shell.expect(PROMPT)
    leave(shell)
    assert (tmp_path / "file").read_text() == "first line\nsecond line\nthird line\n"


def test_pager(shell: Terminal) -> None:
    shell.type("seq -f 'row %.0f.' 1000 | TERM=xterm less\n")
    shell.expect(f"row {ROWS - 1}.")
    shell.type(" ")
    shell.expect(f"row {2 * (ROWS - 1)}.")
    shell.type("/777\n")
    shell.expect(f"row {777 + ROWS - 2}.")
    shell.expect(":")
    # Between its prompt and its waiting for a key it would note the signal only.
    time.sleep(SETTLE)
    shell.type("\x1a")
    shell.expect("Stopped")
    shell.expect(PROMPT)
    shell.type("fg\n")
    shell.expect("row ")
    shell.type("G")
    shell.expect("row 1000.")
    shell.type("q")
    shell.expect(PROMPT)


def test_python_prompt() -> None:
    """Python's own prompt: line editing, an interrupted calculation, children."""
    terminal = Terminal(command("run", "--rm", "-it", "-e", "TERM=dumb", "python", "python3"))
    terminal.expect(">>> ")
    terminal.type("import os, pty, time\n")
    terminal.expect(">>> ")
    terminal.type("6*7\x1b[D\x1b[D\x7f7\n")
    terminal.expect("49\r\n>>> ")
    terminal.type("if os.fork() == 0: print('child', os.tcgetpgrp(0) == os.getpgrp()); os._exit(5)\n\n")
    terminal.expect("child True\r\n")
    terminal.type("os.wait()[1]\n")
    terminal.expect("1280\r\n>>> ")
    terminal.type("while True: pass\n\n")
    terminal.expect("... ")
    terminal.expect("\r\n")
    time.sleep(SETTLE)
    terminal.type("\x03")
    terminal.expect("KeyboardInterrupt")
    terminal.expect(">>> ")
    terminal.type("pid, fd = pty.fork(); pid or (os.write(1, os.ttyname(0).encode()), os._exit(0))\n")
    terminal.expect(">>> ")
    terminal.type("os.read(fd, 100)\n")
    terminal.expect("b'/dev/pts/0'\r\n>>> ")
    terminal.type("exit(3)\n")
    assert terminal.close() == 3
