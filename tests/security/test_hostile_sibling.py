"""A process that spoils all that it shares with its siblings: they get errors, wrong bytes, and never more.

``make fuzz`` goes on for RAMET_FUZZ_SECONDS.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import time
from pathlib import Path

import pytest

import ramet

pytestmark = pytest.mark.usefixtures("kvm")

HERE = Path(__file__).parent
LAYOUT = HERE.parent.parent / "crates/abi/src/layout.rs"
SECONDS = float(os.environ.get("RAMET_FUZZ_SECONDS", "20"))


@pytest.fixture(scope="module")
def sibling(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("sibling")
    command = ["gcc", "-O1", "-Wall", "-Werror", "-static", "-pthread", "-o", str(place / "sibling"), "sibling.c"]
    subprocess.run(command, cwd=HERE, check=True, timeout=120)
    return place


def test_it_knows_the_layout() -> None:
    source, layout = (HERE / "sibling.c").read_text(), LAYOUT.read_text()
    numbers = {
        name: eval(value.replace("_", ""), {})  # a number of the project's own
        for name, value in re.findall(r"pub const (\w+): u64 = ([0-9a-fx_]+(?: << \d+)?);", layout)
    }
    assert numbers["SHARED_WINDOW"] + numbers["SHARED_SIZE"] == int(re.findall(r"CHANNEL (0x\w+)UL", source)[0], 16)
    assert 0xFFFFC00000000000 + numbers["VOLUME_GPA"] == int(re.findall(r"VOLUMES (0x\w+)UL", source)[0], 16)


@pytest.mark.timeout(SECONDS * 3 + 300)
def test_siblings_are_not_harmed(sibling: Path) -> None:
    base = random.SystemRandom().getrandbits(31)
    end = time.monotonic() + SECONDS
    number, ends = 0, set()
    while number < 3 or time.monotonic() < end:
        seed = base + number
        command = ["/sibling/sibling", str(seed), "1"]
        volume = f"{sibling}:/sibling:ro"
        with ramet.run("test-tools", command, volumes=[volume], timeout=60) as vm:
            result = vm.communicate(timeout=120)
        found = re.fullmatch(r"fine after (\d+) rounds, (.*)\n", result.stdout.text)
        assert found and result.reason == "exited", f"seed {seed}: {result}"
        ends.add(found[2])
        number += 1
    print(f"{number} rounds from seed {base}: {ends}")
