"""``ramet reset``."""

from __future__ import annotations

from ramet.cli.clone import read_input
from ramet.cli.options import environment
from ramet.cli.output import add_json, print_json
from ramet.vm import VM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

__all__ = ["configure", "run"]


def configure(parser: ArgumentParser) -> None:
    """Adds the options."""
    add = parser.add_argument
    parser.description = (
        "Take a clone back to the state in which it began: memory, registers, files, timers; the processes that\n"
        "it has forked end. Volumes stay as they are, and so do its streams. Its identity and random numbers are new.\n"
        "The clone, or its template, must have been made with --resettable."
    )
    add("--input", metavar="FILE|-", help="what it finds as `input` in /dev/ramet (default: what it was)")
    add("-e", "--env", metavar="NAME[=VALUE]", action="append", help="what it finds in `env` (default: what it was)")
    add("--thorough", action="store_true", help="make what KVM has built of the VM anew, too")
    add("vm", metavar="VM", help="name or id")
    parser.set_defaults(args=[])
    parser.usage = "ramet reset [OPTION...] VM [-- ARG...]"
    parser.epilog = "What follows `--` it finds as `args` in /dev/ramet (default: what it was)."
    add_json(parser)


def run(options: Namespace) -> int:
    """Resets it."""
    vm = VM.find(options.vm)
    done = vm.reset(
        input=read_input(options.input),
        args=options.args or None,
        env=None if options.env is None else environment(options.env),
        thorough=options.thorough,
    )
    if options.json:
        print_json(done)
    return 0
