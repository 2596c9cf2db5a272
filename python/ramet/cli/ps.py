"""``ramet ps``."""

from __future__ import annotations

import shlex

from ramet import registry
from ramet.cli.describe import describe, how_it_ended, words
from ramet.cli.output import add_json, age, print_json, print_table
from ramet.registry import Ended, history

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

__all__ = ["configure", "run"]


def configure(parser: ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("-a", "--all", action="store_true", help="also VMs that have ended")
    parser.add_argument("-q", "--quiet", action="store_true", help="ids only")
    parser.add_argument("--removed", action="store_true", help="those removed last instead, the last one first")
    add_json(parser)


def run(options: Namespace) -> int:
    """Lists the VMs, oldest first."""
    registry.sweep()
    if options.removed:
        return _removed(options)
    found = [(entry, entry.status(ask=not options.quiet)) for entry in registry.entries()]
    found = [(entry, status) for entry, status in found if options.all or status.alive]
    if options.json:
        print_json([describe(entry, status) for entry, status in found])
    elif options.quiet:
        for entry, _ in found:
            print(entry.id)
    else:
        rows = [
            (
                entry.id[:12],
                entry.name if entry.name != entry.id else "",
                entry.record.get("image"),
                words(status),
                age(entry.record.get("created")),
                _short(shlex.join(map(str, entry.record.get("args", [])))),
            )
            for entry, status in found
        ]
        print_table(("ID", "NAME", "IMAGE", "STATE", "AGE", "COMMAND"), rows)
    return 0


def _removed(options: Namespace) -> int:
    """Lists VMs that are not there any more."""
    found = history.recent()
    if options.json:
        print_json(found)
    elif options.quiet:
        for row in found:
            print(row["id"])
    else:
        rows = [
            (
                row["id"][:12],
                row["name"],
                row["image"],
                how_it_ended(Ended.parse(row)) if row["status"] is not None else "removed",
                age(row["removed"]),
                (row["parent"] or "")[:12],
                _short(shlex.join(map(str, row["args"]))),
            )
            for row in found
        ]
        print_table(("ID", "NAME", "IMAGE", "ENDED", "REMOVED", "PARENT", "COMMAND"), rows)
    return 0


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"
