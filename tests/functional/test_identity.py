"""A thousand clones of one warm program, none of which repeats another's secrets."""

from __future__ import annotations

import json

import pytest

import ramet

pytestmark = pytest.mark.usefixtures("kvm")

# Everything that draws random values has drawn some before the freeze: its state is in the memory that is copied.
WARM = """
import ctypes, hashlib, json, mmap, os, random, secrets, socket, ssl, tempfile, time, uuid
import ramet_guest

random.seed(1)
own = random.Random(2)
libc = ctypes.CDLL(None, use_errno=True)
wiped = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
wiped[:5] = b"state"
libc.madvise(ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(wiped))), 4096, 18)
heard = []
ramet_guest.register_before_snapshot(heard.append, "before")
ramet_guest.register_after_restore(heard.append, "after")
ramet_guest.register_after_restore(own.seed)

def draw():
    with tempfile.NamedTemporaryFile() as file, socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return {
            "urandom": os.urandom(16).hex(),
            "getrandom": os.getrandom(16).hex(),
            "uuid4": str(uuid.uuid4()),
            "uuid1": str(uuid.uuid1()),
            "random": random.random(),
            "own": own.random(),
            "secrets": secrets.token_hex(16),
            "openssl": ssl.RAND_bytes(16).hex(),
            "file": file.name,
            "pid": os.getpid(),
        }

draw()
context = ssl.create_default_context()
times = time.clock_gettime_ns(time.CLOCK_MONOTONIC), time.clock_gettime_ns(time.CLOCK_REALTIME)
me = ramet_guest.ready()
now = time.clock_gettime_ns(time.CLOCK_MONOTONIC), time.clock_gettime_ns(time.CLOCK_REALTIME)

def hello():
    # A TLS client's first message: 32 random bytes from offset 11.
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        context.wrap_bio(incoming, outgoing, server_hostname="ramet.test").do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()[11:43].hex()

print(json.dumps({**draw(), "tls": hello(), "id": me.id, "generation": me.generation, "heard": heard,
                  "wiped": not any(wiped[:5]), "forward": now[0] >= times[0] and now[1] >= times[1]}))
"""
# What no two clones may share.
SECRETS = ("urandom", "getrandom", "uuid4", "uuid1", "random", "own", "secrets", "openssl", "file", "tls", "id")
CLONES = 1000
BATCH = 50


@pytest.mark.timeout(1800)
def test_a_thousand_clones_differ_pairwise() -> None:
    answers = []
    with ramet.freeze("python", ["python3", "-c", WARM], pool=16) as template:
        while len(answers) < CLONES:
            vms = template.clone(BATCH)
            for vm, result in zip(vms, ramet.gather(vms, timeout=600), strict=True):
                assert isinstance(vm, ramet.VM), vm
                assert isinstance(result, ramet.Result), result
                assert result.ok, result
                answers.append(json.loads(result.stdout))
                assert answers[-1]["id"] == vm.id
                vm.remove()
            # Of those that are alive together: a process id comes back.
            assert len({answer["pid"] for answer in answers[-BATCH:]}) == BATCH
    for key in SECRETS:
        assert len({answer[key] for answer in answers}) == CLONES, key
    for answer in answers:
        assert answer["heard"] == ["before", "after"]
        assert answer["wiped"], "memory of MADV_WIPEONFORK"
        assert answer["forward"], "time"
        assert answer["generation"] == 1
