"""``ramet clone``."""

from __future__ import annotations

import sys
from pathlib import Path

from ramet import registry
from ramet.cli.options import environment, seconds
from ramet.cli.output import add_json, complain, print_json
from ramet.errors import RametError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from typing import Any

    from ramet.registry import Entry
    from ramet.vm import VM

__all__ = ["configure", "read_input", "run"]


def configure(parser: ArgumentParser) -> None:
    """Adds the options."""
    add = parser.add_argument
    parser.description = (
        "Make independent copies of a VM, which goes on, or of a template. Prints their ids; their output goes to\n"
        "their logs (`ramet logs`), unless --attach connects the clone to this terminal."
    )
    add("-n", metavar="N", type=int, help="how many (default: 1)")
    add("-a", "--attach", action="store_true", help="connect the streams of one clone, and exit with its status")
    add("-t", "--tty", action="store_true", help="with --attach: give the clone a terminal of its own")
    add("--rm", action="store_true", help="with --attach: remove the clone when it has ended")
    add("--paused", action="store_true", help="leave the clones paused (`ramet resume`)")
    add("--name", metavar="PREFIX", help="name of the clone, or PREFIX-1, PREFIX-2, ...")
    add("--input", metavar="FILE|-", help="what the clones find as `input` in /dev/ramet")
    add("-e", "--env", metavar="NAME[=VALUE]", action="append", default=[], help="what they find in `env` (repeatable)")
    add("--timeout", metavar="SECONDS", type=seconds, help="end each clone after this time, with status 124")
    add("-m", "--memory", metavar="SIZE", help="limit of each clone's RAM")
    add("--resettable", action="store_true", help="the clones can go back to their start (`ramet reset`)")
    add("--share-volumes", action="store_true", help="volumes stay writable in the clones")
    add("parent", metavar="VM|TEMPLATE", help="name or id")
    parser.set_defaults(args=[])
    parser.usage = "ramet clone [OPTION...] VM|TEMPLATE [-- ARG...]"
    parser.epilog = "What follows `--` the clones find as `args` in /dev/ramet."
    add_json(parser)


def run(options: Namespace) -> int:
    """Makes the clones."""
    parent = registry.find_any(options.parent)
    if options.attach:
        if options.n not in (None, 1):
            raise UsageError("only one clone can be attached", hint="leave out -n or --attach")
        return _attached(parent, options)
    if options.tty or options.rm:
        raise UsageError("-t and --rm go with --attach")
    from ramet.cloning import Parent

    count = 1 if options.n is None else options.n
    if count < 1:
        raise UsageError(f"cannot make {count} clones")
    results = Parent(parent).clone(count, detach=True, **_common(options))
    documents: list[dict[str, Any]] = []
    failed = 0
    for result in results:
        if isinstance(result, RametError):
            complain(result)
            documents.append({"id": None, "error": str(result)})
            failed = 1
        else:
            documents.append({"id": result.id, "name": result.name, "pid": result.pid, "error": None})
            if not options.json:
                print(result.id)
    if options.json:
        print_json(documents)
    return failed


def _common(options: Namespace) -> dict[str, Any]:
    return {
        "input": read_input(options.input),
        "args": options.args,
        "env": environment(options.env),
        "name": options.name,
        "timeout": options.timeout,
        "memory": options.memory,
        "paused": options.paused,
        "share_volumes": options.share_volumes,
        "resettable": options.resettable,
    }


def read_input(source: str | None) -> bytes | None:
    """The bytes of a file, or of standard input."""
    if source is None:
        return None
    return sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()


def _attached(parent: Entry, options: Namespace) -> int:
    from ramet.cloning import Parent

    # The clone gets our streams themselves, or a terminal that we copy to and from.
    vm = Parent(parent).clone(stdin=None, stdout=None, stderr=None, tty=options.tty, **_common(options))
    return _finish(vm, options)


def _finish(vm: VM, options: Namespace) -> int:
    from ramet.cli.attach import attach

    vm.keep()
    try:
        return attach(vm)
    finally:
        if options.rm:
            vm.remove(force=True)
