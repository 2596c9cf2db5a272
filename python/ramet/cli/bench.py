"""``ramet bench``."""

from __future__ import annotations

import sys
from pathlib import Path

from ramet.cli.output import print_json
from ramet.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

__all__ = ["configure", "run"]


def configure(parser: ArgumentParser) -> None:
    """Adds the options."""
    add = parser.add_argument
    add("names", metavar="NAME", nargs="*", help="the part of a row's name before its dot, or `all`; none: list them")
    add("--json", metavar="FILE", help="write the results there (- for standard output)")
    add("--plot", metavar="FILE.png", help="draw them there")
    add("--quick", action="store_true", help="every row, with fewer repetitions")
    add("--write-docs", metavar="FILE.md", help="write the table there")


def run(options: Namespace) -> int:
    """Measures; prints the table."""
    from ramet.bench import available, measure, table

    figures = available()
    if not options.names:
        for name, figure in figures.items():
            print(f"{name:<10} {(figure.__doc__ or '').strip().splitlines()[0]}")
        return 0
    names = list(figures) if "all" in options.names else list(dict.fromkeys(options.names))
    for name in names:
        if name not in figures:
            raise UsageError(f"no benchmark named {name!r}", hint=f"there are {', '.join(figures)}")
    document = measure(names, quick=options.quick)
    table(document, sys.stderr if options.json == "-" else sys.stdout)
    if options.json == "-":
        print_json(document)
    elif options.json:
        import json

        Path(options.json).write_text(json.dumps(document, indent=1) + "\n")
    if options.plot:
        from ramet.bench.plot import plot

        plot(document, Path(options.plot))
    if options.write_docs:
        from ramet.bench.document import write

        write(document, Path(options.write_docs))
    return 1 if document["failed"] else 0
