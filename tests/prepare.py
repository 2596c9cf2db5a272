"""Makes what the tests need beside themselves, on this machine: images, which take packages from the network, and guest
programs, which take a compiler some time. For tests that run where there is neither: ``make test-svm``.

    RAMET_TEST_HOME=DIRECTORY python tests/prepare.py
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

TESTS = Path(__file__).parent
sys.path += [str(TESTS), str(TESTS / "functional")]

from guest_harness import Guests  # noqa: E402

from conftest import build_images  # noqa: E402 - found on the path set above


def main() -> int:
    """Builds all of it; what is there already costs a moment."""
    home = Path(os.environ["RAMET_TEST_HOME"])
    images = build_images(home)
    guests = Guests(home)
    for text in guests.complaints:
        print(text, file=sys.stderr)
    print(f"{len(images)} images and the guest programs are in {home}", file=sys.stderr)
    return bool(guests.complaints)


if __name__ == "__main__":
    raise SystemExit(main())
