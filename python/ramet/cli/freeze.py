"""``ramet freeze``."""

from __future__ import annotations

from ramet import registry
from ramet.cli.options import seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

__all__ = ["configure", "run"]


def configure(parser: ArgumentParser) -> None:
    """Adds the options."""
    add = parser.add_argument
    add("--on-ready", action="store_true", help="wait until the program writes `ready` to /dev/ramet")
    add("--timeout", metavar="SECONDS", type=seconds, help="how long that may take")
    add("--pool", metavar="N", type=int, help="so many clones are always made ahead (default: 2)")
    add("--pool-max", metavar="N", type=int, help="so many at most, by demand (default: 64); 0: none")
    add("--resettable", action="store_true", help="its clones can go back to their start (`ramet reset`)")
    add("-t", "--template", metavar="TEMPLATE", required=True, help="name of the template")
    add("vm", metavar="VM", help="name or id; it never runs again, its clones do")


def run(options: Namespace) -> int:
    """Freezes the VM; prints the template's name."""
    from ramet.template import freeze_entry

    entry = registry.find(options.vm)
    freeze_entry(
        entry,
        options.template,
        on_ready=options.on_ready,
        timeout=options.timeout,
        pool=0 if options.pool is None and options.pool_max == 0 else options.pool,
        pool_maximum=options.pool_max,
        resettable=options.resettable,
    )
    print(options.template)
    return 0
