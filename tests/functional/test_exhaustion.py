"""A program that makes small things without end is told so by an error: neither its VM nor its kernel dies of it."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.usefixtures("kvm")

START = """
import _thread, errno, os, resource, select, socket, time
os.mkdir('/tmp/x'); os.chdir('/tmp/x')
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
def until_refused(make):
    count = 0
    try:
        while True:
            make(count)
            count += 1
    except OSError as error:
        assert error.errno in (errno.ENOSPC, errno.ENOMEM, errno.ENOBUFS, errno.EAGAIN), error
    return count
"""

MAKERS = {
    "directories": """
made = until_refused(lambda n: os.mkdir(str(n)))
for n in range(made): os.rmdir(str(n))
os.mkdir('again')
""",
    "names": """
open('file', 'w').close(); made = 0
while True:
    try: os.link('file', 'x' * 200 + str(made))
    except OSError as error:
        if error.errno == errno.EMLINK: os.unlink('file'); open('file', 'w').close(); continue
        assert error.errno in (errno.ENOSPC, errno.ENOMEM), error
        break
    made += 1
""",
    "symlinks": "made = until_refused(lambda n: os.symlink('y' * 200, str(n)))",
    "watches": """
epoll = select.epoll()
made = until_refused(lambda n: epoll.register(os.eventfd(0)))
""",
    "messages": """
kept = []
def pair(n):
    a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    kept.extend((a, b)); a.setblocking(False)
    try:
        while True: a.send(b'z' * 1000)
    except BlockingIOError: pass
made = until_refused(pair)
""",
    "threads": """
_thread.stack_size(64 << 10); made = 0
try:
    while True: _thread.start_new_thread(time.sleep, (1000,)); made += 1
except (RuntimeError, MemoryError): pass
""",
}


@pytest.mark.parametrize("what", sorted(MAKERS))
def test_small_things_without_end(cli, what: str) -> None:
    script = START + MAKERS[what] + "\nprint('made', made, flush=True); os._exit(0 if made > 100 else 1)"
    done = cli("run", "--rm", "-m", "48M", "--timeout", "100", "python", "python3", "-c", script, timeout=110, check=0)
    assert done.stdout.startswith("made ")
