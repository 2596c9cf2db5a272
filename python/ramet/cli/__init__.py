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


def _open_standard() -> None:
    """Whoever started us may have closed 0, 1 or 2: then Python has no stream, and the next file gets the number.

    In the place of an output comes a descriptor that takes nothing, as writing to a closed one: EBADF.
    """
    if sys.stdin is not None and sys.stdout is not None and sys.stderr is not None:
        return
    for number, stream in enumerate((sys.stdin, sys.stdout, sys.stderr)):
        if stream is None:
            null = os.open(os.devnull, os.O_RDONLY)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            os.set_inheritable(number, True)
    if sys.stdin is None:
        sys.stdin = os.fdopen(0, closefd=False)
    # Line by line: what cannot be written is an error at once, not at the end.
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", buffering=1)


def _give_up_output() -> None:
    """What cannot be written to standard output is not to be tried again, with a complaint, when Python ends."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Does what the command line says; returns the exit status."""
    _open_standard()
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given:
        print(_usage(), file=sys.stderr)
        return USAGE
    verb, *rest = given
    entry = VERBS.get(verb)
    not_run = NOT_RUN if entry is not None and entry.runs_program else FAILED
    try:
        status = _about_itself(verb) if entry is None else _do(verb, rest)
        sys.stdout.flush()
        return status
    except UsageError as error:
        print(f"ramet: {error}", file=sys.stderr)
        return USAGE
    except RametError as error:
        _give_up_output()
        print(f"ramet: {error}", file=sys.stderr)
        return not_run
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone. Python would complain again when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return FAILED
    except OSError as error:
        _give_up_output()
        where = f"{error.filename}: " if error.filename else ""
        print(f"ramet: {verb} failed: {where}{error.strerror or error}", file=sys.stderr)
        return not_run


def _about_itself(verb: str) -> int:
    if verb in ("-h", "--help", "help"):
        print(_usage())
        return 0
    if verb in ("-V", "--version", "version"):
        from ramet import __version__

        print(f"ramet {__version__}")
        return 0
    raise UsageError(f"no such command: {verb}", hint="`ramet -h` lists them")


def _do(verb: str, rest: Sequence[str]) -> int:
    parser, module = make_parser(verb)
    if VERBS[verb].splits and "--" in rest:
        split = rest.index("--")
        options = parser.parse_args(rest[:split])
        options.args = rest[split + 1 :]
    else:
        options = parser.parse_args(rest)
    status: int = getattr(module, VERBS[verb].run)(options)
    return status
