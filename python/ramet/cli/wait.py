"""``ramet wait``."""

from __future__ import annotations

from ramet.cli.options import seconds
from ramet.cli.output import add_json, print_json
from ramet.errors import TimeoutExpired, VMError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

__all__ = ["configure", "run"]


def configure(parser: ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("--timeout", metavar="SECONDS", type=seconds, help="give up after this time, with status 1")
    parser.add_argument("vm", metavar="VM", help="name or id")
    add_json(parser)


def run(options: Namespace) -> int:
    """Prints the VM's exit status and exits with it."""
    from ramet.vm import VM

    vm = VM.find(options.vm)
    status: int
    try:
        status = vm.wait(options.timeout)
    except VMError as error:
        if vm.ended is None:
            if isinstance(error, TimeoutExpired):
                error.hint = f"give it more time, or end it with `ramet kill {vm.name}`"
            raise
        status = vm.ended.status
    assert vm.ended is not None
    if options.json:
        print_json({"id": vm.id, "name": vm.name, **vm.ended.document()})
    else:
        print(status)
    return status
