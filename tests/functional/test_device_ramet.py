"""``/dev/ramet``: what a program writes to it and reads from it, before and after it has become a clone."""

from __future__ import annotations

import json

import pytest
from limits import LIMIT

import ramet

pytestmark = pytest.mark.usefixtures("kvm")


def run(script: str) -> list[str]:
    """What the script prints, line by line."""
    with ramet.run("python", ["python3", "-c", script], timeout=LIMIT) as vm:
        result = vm.communicate(timeout=LIMIT)
    assert result.ok, result.stderr
    return str(result.stdout).splitlines()


def test_one_description_before_and_after() -> None:
    """A read after the write gives the clone's whole document, also where the file has been read to its end before."""
    script = """
import json, os
device = open("/dev/ramet", "r+b", buffering=0)
before = json.loads(device.read())
assert device.read() == b""
assert device.write(b"ready\\n") == 6
after = json.loads(device.read())
assert device.read() == b""
device.seek(0)
print(json.dumps([before, after, json.load(open("/dev/ramet")), json.loads(device.read()), os.getpid(), os.getsid(0)]))
"""
    with ramet.freeze("python", ["python3", "-c", script]) as template:
        parent = template.info()["id"]
        with template.clone(input=b"word", args=["a", "b"], env={"K": "v"}) as vm:
            result = vm.communicate(timeout=LIMIT)
            clone = vm.id
    assert result.ok, result.stderr
    before, after, again, sought, pid, session = json.loads(result.stdout)
    assert (before["id"], before["generation"]) == (parent, 0)
    assert (after["id"], after["generation"]) == (clone, 1)
    assert (after["input"], after["args"], after["env"]) == ("word", ["a", "b"], {"K": "v"})
    assert after == again == sought
    assert pid == session


def test_words() -> None:
    """Only ``ready`` and ``done`` are words; ``done`` does not wait."""
    script = """
import os
fd = os.open("/dev/ramet", os.O_RDWR)
for word in (b"done", b"done\\n", b"", b"nonsense", b"ready and more", b"READY", b"read"):
    try:
        print(os.write(fd, word))
    except OSError as error:
        print(error.strerror)
print(os.read(fd, 1), os.pread(fd, 6, 0))
"""
    answers = ["4", "5", *["Invalid argument"] * 5]
    assert run(script) == [*answers, """b'{' b'{"id":'"""]


def test_signal_ends_the_wait() -> None:
    """A handler that raises ends the wait; another one lets it go on."""
    script = """
import os, signal
fd = os.open("/dev/ramet", os.O_WRONLY)
count = 0
def handler(number, frame):
    global count
    count += 1
    if count == 3:
        raise InterruptedError
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
try:
    os.write(fd, b"ready")
except InterruptedError:
    print("interrupted", count)
"""
    assert run(script) == ["interrupted 3"]


def test_threads_go_on_while_one_waits() -> None:
    script = """
import os, threading, time
def work():
    for n in range(3):
        time.sleep(0.02)
    print("worked", flush=True)
    os._exit(0)
threading.Thread(target=work).start()
os.write(os.open("/dev/ramet", os.O_WRONLY), b"ready")
"""
    assert run(script) == ["worked"]
