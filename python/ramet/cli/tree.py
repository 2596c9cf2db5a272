"""``ramet tree``."""

from __future__ import annotations

import shlex

from ramet import registry
from ramet.cli.output import add_json, print_json, size
from ramet.usage import forest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from typing import Any

__all__ = ["configure", "run"]


def configure(parser: ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("vms", metavar="VM", nargs="*", help="only these and what was cloned from them")
    add_json(parser)
    parser.epilog = (
        "Memory is that of the process on the host: what it shares with others (its family, the image), and what is\n"
        "its own. `proportional` in the JSON counts a page that n processes share as one n-th."
    )


def run(options: Namespace) -> int:
    """Prints the forest of VMs that have a process."""
    chosen = [registry.find_any(reference).id for reference in options.vms]
    roots = forest()
    shown = [node for identity in chosen for node in _find(roots, identity)] if chosen else roots
    if options.json:
        print_json(shown)
    else:
        for node in shown:
            _print(node, "", "")
    return 0


def _find(nodes: list[dict[str, Any]], identity: str) -> list[dict[str, Any]]:
    for node in nodes:
        found = [node] if node["id"] == identity else _find(node["clones"], identity)
        if found:
            return found
    return []


def _amounts(memory: dict[str, int] | None) -> str:
    return "" if memory is None else f"  {size(memory['private'])} own, {size(memory['shared'])} shared"


def _print(node: dict[str, Any], first: str, rest: str) -> None:
    """One VM and what hangs on it; ``first`` and ``rest`` are what its first line and the others begin with."""
    label = node["name"] if node["name"] == node["id"] else f"{node['name']} ({node['id'][:12]})"
    words = "template" if node["kind"] == "template" else "ready" if node["ready"] else node["state"]
    alone = len(node["processes"]) < 2
    command = f"  {_command(node['args'])}" if alone else ""
    _line(f"{first}{label}  {words}  {node['image'] or '-'}{_amounts(node['memory']) if alone else ''}{command}")
    below: list[dict[str, Any]] = [] if alone else _roots(node["processes"])
    hanging = [*below, *node["clones"]]
    for number, item in enumerate(hanging):
        last = number == len(hanging) - 1
        ahead, behind = ("└─ ", "   ") if last else ("├─ ", "│  ")
        (_print if "clones" in item else _print_process)(item, rest + ahead, rest + behind)


def _roots(processes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those without a parent in the session; the others become their `children`."""
    known = {process["pid"]: {**process, "children": []} for process in processes}
    roots: list[dict[str, Any]] = []
    for process in known.values():
        parent = known.get(process["parent"])
        (roots if parent is None else parent["children"]).append(process)
    return roots


def _print_process(process: dict[str, Any], first: str, rest: str) -> None:
    marks = [process["state"]] if process["state"] != "running" else []
    marks += ["exec"] if process["exec"] else []
    mark = f" ({', '.join(marks)})" if marks else ""
    command = _command(process["args"]) or f"[{process['command']}]"
    _line(f"{first}{process['pid']}{mark}{_amounts(process['memory'])}  {command}")
    for number, child in enumerate(process["children"]):
        last = number == len(process["children"]) - 1
        ahead, behind = ("└─ ", "   ") if last else ("├─ ", "│  ")
        _print_process(child, rest + ahead, rest + behind)


def _command(args: list[object]) -> str:
    text = shlex.join(map(str, args))
    return text if len(text) <= 60 else text[:59] + "…"


def _line(text: str) -> None:
    """Programs choose their names: control characters are shown as `?`."""
    print("".join(letter if letter.isprintable() else "?" for letter in text))
