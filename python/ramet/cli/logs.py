"""``ramet logs``."""

from __future__ import annotations

import sys
import time

from ramet import registry
from ramet.errors import VMError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

__all__ = ["configure", "run"]

# Seconds between two looks at a log that is followed.
_INTERVAL = 0.05


def configure(parser: ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("-f", "--follow", action="store_true", help="go on until the VM ends")
    parser.add_argument("vm", metavar="VM", help="name or id")


def run(options: Namespace) -> int:
    """Copies the log to standard output, as the program wrote it."""
    entry = registry.find(options.vm)
    try:
        log = open(entry.log, "rb")  # noqa: SIM115 - the error is told apart from those of reading
    except FileNotFoundError:
        raise VMError(
            "it has no log: it ran in the foreground", hint="`ramet run -d` keeps the output", vm=entry.name
        ) from None
    with log:
        while True:
            # Asked before reading: what the program wrote last is then in the log.
            alive = options.follow and entry.status(ask=False).alive
            while data := log.read(1 << 16):
                sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
            if not alive:
                return 0
            time.sleep(_INTERVAL)
