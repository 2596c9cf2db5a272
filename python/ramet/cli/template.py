"""``ramet template``."""

from __future__ import annotations

import shlex

from ramet.cli.describe import describe
from ramet.cli.output import add_json, age, complain, print_json, print_table, size
from ramet.errors import RametError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

__all__ = ["configure", "run"]


def configure(parser: ArgumentParser) -> None:
    """Adds the options."""
    actions = parser.add_subparsers(dest="action", metavar="ls|rm", required=True)
    listing = actions.add_parser("ls", help="list the templates", description="List the templates.")
    add_json(listing)
    removal = actions.add_parser("rm", help="remove templates", description="Remove templates. Their clones live on.")
    removal.add_argument("templates", metavar="TEMPLATE", nargs="+", help="name")


def run(options: Namespace) -> int:
    """Does the action."""
    return _remove(options.templates) if options.action == "rm" else _list(options.json)


def _list(as_json: bool) -> int:
    from ramet.registry import Entry
    from ramet.template import Template

    documents = []
    for template in Template.list():
        entry = Entry(template.directory)
        documents.append({**describe(entry, entry.status()), "name": template.name, "vm": entry.name})
    if as_json:
        print_json(documents)
        return 0
    rows = [
        (
            document["name"],
            document["id"][:12],
            document["image"],
            document["state"],
            size((document["memory"] or {}).get("present", 0)),
            age(document["created"]),
            shlex.join(map(str, document["args"]))[:40],
        )
        for document in documents
    ]
    print_table(("NAME", "VM", "IMAGE", "STATE", "MEMORY", "AGE", "COMMAND"), rows)
    return 0


def _remove(names: list[str]) -> int:
    from ramet.template import Template

    failed = 0
    for name in names:
        try:
            Template.find(name).remove()
        except RametError as error:
            complain(error)
            failed = 1
    return failed
