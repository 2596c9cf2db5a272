"""The ``ramet`` command.

One module for each verb, imported when its verb is used: starting Python and reading the arguments is the larger part
of what ``ramet run`` adds to a VM (docs/decisions/0003-cli-parser.md).
"""

from __future__ import annotations

import os
import sys

from ramet.cli.verbs import VERBS
from ramet.errors import RametError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Sequence
    from types import ModuleType
    from typing import NoReturn

__all__ = ["FAILED", "NOT_RUN", "USAGE", "main", "make_parser"]

FAILED = 1
USAGE = 2
#: Ramet itself failed before the program ran.
NOT_RUN = 125


def make_parser(verb: str) -> tuple[ArgumentParser, ModuleType]:
    """The parser of one verb, and the module that does it."""
    import argparse
    from importlib import import_module

    class Parser(argparse.ArgumentParser):
        def error(self, message: str) -> NoReturn:
            """One line, as for every other error."""
            raise UsageError(message, hint=f"`{self.prog} -h` explains it")

    entry = VERBS[verb]
    module = import_module(f"ramet.cli.{entry.module}")
    parser = Parser(
        prog=f"ramet {verb}",
        description=entry.help,
        allow_abbrev=False,
        # A given width spares the import that asks for the terminal's.
        formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, width=100),
    )
    getattr(module, entry.configure)(parser)
    return parser, module


def _usage() -> str:
    width = max(map(len, VERBS))
    lines = [f"  {name:<{width}}  {entry.help}" for name, entry in VERBS.items()]
    return (
        "usage: ramet VERB [OPTION...]\n\nRuns unmodified Linux programs, each in a VM of its own, and clones them.\n\n"
        + "\n".join(lines)
        + "\n\n`ramet VERB -h` explains one. Environment: RAMET_HOME moves all state; RAMET_VMM and RAMET_KERNEL name\n"
        "other executables."
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Does what the command line says; returns the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given:
        print(_usage(), file=sys.stderr)
        return USAGE
    verb, *rest = given
    if verb in ("-h", "--help", "help"):
        print(_usage())
        return 0
    if verb in ("-V", "--version", "version"):
        from ramet import __version__

        print(f"ramet {__version__}")
        return 0
    if verb not in VERBS:
        print(f"ramet: no such command: {verb}; `ramet -h` lists them", file=sys.stderr)
        return USAGE
    entry = VERBS[verb]
    try:
        parser, module = make_parser(verb)
        if entry.splits and "--" in rest:
            split = rest.index("--")
            options = parser.parse_args(rest[:split])
            options.args = rest[split + 1 :]
        else:
            options = parser.parse_args(rest)
        status: int = getattr(module, entry.run)(options)
        sys.stdout.flush()
        return status
    except UsageError as error:
        print(f"ramet: {error}", file=sys.stderr)
        return USAGE
    except RametError as error:
        print(f"ramet: {error}", file=sys.stderr)
        return NOT_RUN if entry.runs_program else FAILED
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone. Python would complain again when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return FAILED
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"ramet: {verb} failed: {where}{error.strerror or error}", file=sys.stderr)
        return NOT_RUN if entry.runs_program else FAILED
