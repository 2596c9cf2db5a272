"""Writes the references, so that no option and no signature in them is written by hand.

``python -m ramet.cli.reference [DIRECTORY]`` writes ``cli.md`` and ``python-reference.md`` (default: ``docs/howto``).
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

from ramet.cli import make_parser
from ramet.cli.verbs import VERBS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser

__all__ = ["api_reference", "cli_reference", "main"]

_CLI_HEAD = """# Command line

Written by `python -m ramet.cli.reference`.

Exit status: 0 done; 1 the operation failed; 2 wrong usage. Of `ramet run`, `ramet exec` and `ramet clone --attach`: the
program's own status, 128+n when signal n ended it, 124 when `--timeout` did, 137 when the VM was killed; 125 when Ramet
failed before the program ran, or the VM died under it; 126 when the program is not executable, 127 when it is missing.
`ramet wait` prints the status of the VM that it waited for, and exits with it.

Output that the host does not take (a full disk) makes later writes of the program fail with the host's error. One line
on standard error says at the end that output is missing, and a status that would be 0 is 1.

Errors are one line on standard error: what failed, on what, what to do. Data goes to standard output; `--json` makes it
one JSON document with stable keys, times in seconds (Unix time for moments), sizes in bytes. A VM in `ps --json`: `id`,
`name`, `image`, `image_digest`, `args`, `state` (`starting`, `running`, `paused`, `frozen`, `exited`, `killed`,
`unresponsive`), `pid`, `created`, `ended`, `status`, `reason` (`exited`, `signal`, `timeout`, `killed`, `failed`,
`crashed`), `signal`, `message`, `parent`, `generation`, `ready`, `uptime`, `memory` (`limit`, `present`), `directory`.

`VM` is a name, an id, or the beginning of an id (four digits or more). State lives under `$XDG_DATA_HOME/ramet` and
`$XDG_RUNTIME_DIR/ramet`, or where `RAMET_HOME` says.

The program's standard input is always connected, except with `-d`. In the foreground `ramet run` becomes the VMM:
nothing of Python stays. With `-t`, `--rm` and `-d --rm` a small parent stays, to restore the terminal and to remove the
VM when it ends.
"""

_API_HEAD = """# Python API: reference

Written by `python -m ramet.cli.reference`. [One page to learn it from](python-api.md).
`ramet.aio` has the same names and parameters for asyncio.
"""


def cli_reference() -> str:
    """The command line as Markdown."""
    parts = [_CLI_HEAD]
    for verb, entry in VERBS.items():
        parser, _ = make_parser(verb)
        parts.append(f"## ramet {verb}\n\n{entry.help}\n\n```\n{_help(parser)}\n```\n")
        for action in parser._actions:
            choices = getattr(action, "choices", None)
            if isinstance(choices, dict):
                parts += [f"```\n{_help(child)}\n```\n" for child in choices.values()]
    return "\n".join(parts)


def _help(parser: ArgumentParser) -> str:
    parser.formatter_class = _formatter()  # type: ignore[assignment]
    return parser.format_help().strip()


def _formatter() -> type:
    import argparse

    class Formatter(argparse.RawDescriptionHelpFormatter):
        def __init__(self, prog: str) -> None:
            super().__init__(prog, width=100)

    return Formatter


def api_reference() -> str:
    """The Python API as Markdown."""
    import ramet
    import ramet_guest

    parts = [_API_HEAD, "## Functions\n"]
    for name in ("run", "freeze", "gather"):
        parts.append(_function(f"ramet.{name}", getattr(ramet, name)))
    for kind in (ramet.VM, ramet.Process, ramet.Template, ramet.Result, ramet.Output):
        parts.append(f"## class ramet.{kind.__name__}\n\n{_documentation(kind)}\n")
        for name, member in _members(kind).items():
            if name.startswith("_") or name in _INTERNAL:
                continue
            function = getattr(kind, name)
            if isinstance(member, property):
                parts.append(f"### .{name}\n\n{_documentation(member)}\n")
            elif callable(function):
                parts.append(_function(f".{name}", function))
    parts.append("## Exceptions\n")
    for name in sorted(vars(ramet.errors)["__all__"]):
        kind = getattr(ramet.errors, name)
        base = kind.__bases__[0].__name__
        summary = _documentation(kind).partition("\n\n")[0].replace("\n", " ")
        parts.append(f"- `ramet.{name}` ({base}): {summary}")
    parts.append(f"\n## Inside a VM: ramet_guest\n\n{_documentation(ramet_guest)}\n")
    parts += [_function(f"ramet_guest.{name}", getattr(ramet_guest, name)) for name in sorted(ramet_guest.__all__)[1:]]
    return "\n".join(parts).rstrip() + "\n"


def _members(kind: type) -> dict[str, object]:
    """The class's own members, in their order, then the inherited ones."""
    found: dict[str, object] = {}
    for base in kind.__mro__:
        if base.__module__.startswith("ramet"):
            found.update((name, member) for name, member in vars(base).items() if name not in found)
    return found


# Methods of VM that other modules of the package use.
_INTERNAL = {"exchange", "end_fileno", "see_end", "finish", "close_streams", "ended", "timing"}


def _function(title: str, function: object) -> str:
    assert callable(function)
    signature = str(inspect.signature(function)).replace("'", "").replace("ramet.image.", "").replace("ramet.vm.", "")
    return f"### {title}\n\n```python\n{title.lstrip('.')}{_wrap(signature)}\n```\n\n{_documentation(function)}\n"


def _wrap(signature: str) -> str:
    """One parameter a line where a line would be long."""
    if len(signature) < 90:
        return signature
    inside, _, result = signature[1:].rpartition(")")
    parameters: list[str] = []
    depth = 0
    for piece in inside.split(", "):
        if depth:
            parameters[-1] += ", " + piece
        else:
            parameters.append(piece)
        depth += sum(map(piece.count, "[({")) - sum(map(piece.count, "])}"))
    return "(\n" + "".join(f"    {parameter},\n" for parameter in parameters) + ")" + result


def _documentation(thing: object) -> str:
    import re

    text = inspect.getdoc(thing) or ""
    text = re.sub(r":(?:class|func|meth|attr|data|mod):`~?([^`]+)`", r"`\1`", text)
    # reStructuredText's literal block and definition list as Markdown's.
    text = re.sub(r"::\n\n((?:    .*\n|\n)+(?:    .*)?)", _block, text + "\n").strip()
    text = re.sub(r"^(``[^\n]+)\n    ", r"- \1: ", text, flags=re.MULTILINE)
    text = re.sub(r"^(?!- )(.+)\n(?=- ``)", r"\1\n\n", text, flags=re.MULTILINE)
    return text.replace("``", "`")


def _block(match: object) -> str:
    body = inspect.cleandoc(match[1])  # type: ignore[index]
    return f":\n\n```python\n{body}\n```\n\n".replace("``", "\0").replace("\0", "``")


def main() -> int:
    """Writes both."""
    directory = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/howto")
    (directory / "cli.md").write_text(cli_reference())
    (directory / "python-reference.md").write_text(api_reference())
    return 0


if __name__ == "__main__":
    sys.exit(main())
