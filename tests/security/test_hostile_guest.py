"""A guest that breaks every rule, against the VMM: for a short time here, for ten minutes with ``make fuzz``.

Each round boots ``hostile.c`` in the place of the kernel, with a seed that a failure names. Whatever it does, its
VMM ends as documented, leaves nothing behind, touches nothing outside its volume, and another VM computes its answer
meanwhile.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from ramet import paths

HERE = Path(__file__).parent
HEADER = HERE.parent.parent / "crates/abi/src"
SECONDS = float(os.environ.get("RAMET_FUZZ_SECONDS", "20"))
ROUND = 2
PANICKED = re.compile(r"panicked|RUST_BACKTRACE|overflow|core dumped")


def _constant(file: str, pattern: str) -> str:
    found = re.search(pattern, (HEADER / file).read_text())
    assert found, f"{file} does not say {pattern}"
    return found[1]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The guest, assembled."""
    output = tmp_path_factory.mktemp("hostile") / "hostile"
    version = _constant("lib.rs", r"ABI_VERSION: u32 = (\d+)")
    size = _constant("header.rs", r"size_of::<KernelHeader>\(\) == (\d+)")
    # -fcf-protection and -fstack-protector would need a library.
    options = "-O2 -Wall -Werror -ffreestanding -fno-stack-protector -fcf-protection=none -mgeneral-regs-only"
    script = HERE.parent.parent / "crates/vmm/tests/guests/guest.ld"
    linked = f"-nostdlib -static -no-pie -Wl,-T,{script} -Wl,--build-id=none -Wl,--no-warn-rwx-segments"
    symbols = f"-Wa,--defsym,ABI_VERSION={version} -Wa,--defsym,HEADER_SIZE={size}"
    command = ["gcc", *options.split(), *linked.split(), *symbols.split(), "-o", str(output), "hostile.c"]
    subprocess.run(command, cwd=HERE, check=True, timeout=60)
    return output


def _config(directory: Path, kernel: Path, **settings: object) -> Path:
    directory.mkdir(parents=True)
    document = {
        "id": "00000000000000f0",
        "name": "hostile",
        "directory": str(directory),
        "kernel": str(kernel),
        "memory": 64 << 20,
        "args": ["true"],
        **settings,
    }
    config = directory / "config.json"
    config.write_text(json.dumps(document))
    return config


def _start(config: Path) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    return subprocess.Popen([str(paths.vmm_path()), "run", config], stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe)


def _round(place: Path, kernel: Path, seed: int) -> str:
    """One run. How it ended."""
    volume = place / "volume"
    (volume / "dir").mkdir(parents=True)
    (volume / "file").write_bytes(b"file" * 4096)
    canary = place / "canary"
    canary.write_text("alive")
    vm = place / "vm"
    volumes = [{"host": str(volume), "guest": "/volume", "read_only": False}]
    config = _config(vm, kernel, args=["hostile", str(seed)], volumes=volumes, timeout=ROUND)
    child = _start(config)
    try:
        _, stderr = child.communicate(timeout=ROUND + 20)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        pytest.fail(f"seed {seed}: the VMM hangs {20} s past its time limit")
    text = stderr.decode(errors="backslashreplace")
    assert 0 <= child.returncode < 256, f"seed {seed}: the VMM died of signal {-child.returncode}: {text}"
    assert not PANICKED.search(text), f"seed {seed}: {text}"
    ended = json.loads((vm / "exit.json").read_text())
    assert ended["status"] == child.returncode, f"seed {seed}: {ended}"
    assert not list(vm.glob("*.sock")), f"seed {seed}: a socket is left"
    deadline = time.monotonic() + 5
    while (left := _processes(str(vm))) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left, f"seed {seed}: processes are left: {left}"
    assert canary.read_text() == "alive" and sorted(p.name for p in place.iterdir()) == ["canary", "vm", "volume"], seed
    return str(ended["reason"])


def _processes(word: str) -> list[int]:
    """Processes with a word on their command line."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if word.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


@pytest.mark.timeout(SECONDS * 3 + 300)
def test_whatever_a_guest_does_hurts_only_itself(hostile: Path, kvm: dict[str, str], tmp_path: Path) -> None:
    """Rounds with random seeds beside a VM that works."""
    import ramet

    base = random.SystemRandom().getrandbits(32)
    end = time.monotonic() + SECONDS
    reasons: dict[str, int] = {}
    number = 0
    while number < 3 or time.monotonic() < end:
        seed = base + number
        place = tmp_path / "round"
        with ramet.run(kvm["busybox"], ["sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo $i"]) as vm:
            reason = _round(place, hostile, seed)
            assert vm.communicate(timeout=60).stdout == b"20000\n", f"seed {seed}: another VM was disturbed"
        reasons[reason] = reasons.get(reason, 0) + 1
        shutil.rmtree(place)
        number += 1
    print(f"{number} rounds from seed {base}: {reasons}")
    # A guest that always dies at once would test nothing.
    assert set(reasons) - {"failed", "crashed"}, reasons
