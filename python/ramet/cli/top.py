"""``ramet top`` and ``ramet stats``."""

from __future__ import annotations

import shlex
import sys
import time

from ramet import registry
from ramet.cli.output import add_json, age, print_json, print_table, size
from ramet.errors import UsageError
from ramet.usage import forest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator, Sequence
    from typing import Any

__all__ = ["configure_stats", "configure_top", "run_stats", "run_top"]

_HEADINGS = ("VM", "STATE", "CPU", "TIME", "OWN", "SHARED", "PROCESSES", "AGE", "COMMAND")


def configure_top(parser: ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("vms", metavar="VM", nargs="*", help="only these and what was cloned from them")
    parser.add_argument("-d", "--delay", metavar="S", type=float, default=1.0, help="seconds between two looks (1)")
    parser.add_argument("-n", "--count", metavar="N", type=int, help="end after so many (a terminal's: at ^C)")
    parser.add_argument(
        "-s", "--sort", choices=("tree", "cpu", "own"), default="tree", help="clones below their parents, or by use"
    )
    add_json(parser)
    parser.epilog = (
        "CPU is that of one processor, of all processes of a VM, since the look before. OWN is memory of the VM alone,"
        "\nSHARED what it has in common with its family and the image. With --json: one look, `cpu` over the delay."
    )


def configure_stats(parser: ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("vms", metavar="VM", nargs="*", help="only these")
    add_json(parser)


def run_top(options: Namespace) -> int:
    """Shows the VMs live on a terminal; into a pipe, one look after the other."""
    if options.delay <= 0 or (options.count is not None and options.count < 1):
        raise UsageError("delay and count are above zero")
    chosen = [registry.find_any(reference).id for reference in options.vms]
    before = _times(forest())
    if options.json:
        time.sleep(options.delay)
        print_json(_rows(chosen, before, options))
        return 0
    try:
        if sys.stdout.isatty():
            _live(options, chosen, before)
        else:
            count = options.count or 1
            for number in range(count):
                time.sleep(options.delay)
                rows = _rows(chosen, before, options)
                print_table(_HEADINGS, [_cells(row) for row in rows])
                if number < count - 1:
                    print(flush=True)
                before = _times_of(rows)
    except KeyboardInterrupt:
        print(file=sys.stderr)
    return 0


def run_stats(options: Namespace) -> int:
    """One look, with the processor time since each VM's start."""
    chosen = [registry.find_any(reference).id for reference in options.vms]
    options.sort = "tree"
    rows = _rows(chosen, {}, options)
    if options.json:
        print_json(rows)
    else:
        headings = tuple(heading for heading in _HEADINGS if heading != "CPU")
        print_table(headings, [[cell for at, cell in enumerate(_cells(row)) if at != 2] for row in rows])
    return 0


# What a VM had used at the look before: Unix time, seconds of processor time.
_Times = dict[str, tuple[float, float]]


def _times(nodes: Sequence[dict[str, Any]]) -> _Times:
    now = time.monotonic()
    return {node["id"]: (now, _cpu(node)) for node, _ in _walk(nodes, 0)}


def _times_of(rows: Sequence[dict[str, Any]]) -> _Times:
    return {row["id"]: (row["at"], row["cpu_time"]) for row in rows}


def _walk(nodes: Sequence[dict[str, Any]], depth: int) -> Iterator[tuple[dict[str, Any], int]]:
    for node in nodes:
        yield node, depth
        yield from _walk(node["clones"], depth + 1)


def _members(node: dict[str, Any]) -> list[dict[str, Any]]:
    """The VM's processes of the host, each once."""
    others = [process for process in node["processes"] if process["vmm"] != node["pid"]]
    return [node, *others]


def _cpu(node: dict[str, Any]) -> float:
    return sum(member["cpu_time"] or 0.0 for member in _members(node))


def _rows(chosen: Sequence[str], before: _Times, options: Namespace) -> list[dict[str, Any]]:
    rows = []
    within: int | None = None
    for node, depth in _walk(forest(), 0):
        if chosen:
            if within is not None and depth <= within:
                within = None
            if within is None and node["id"] not in chosen:
                continue
            within = depth if within is None else within
        rows.append(_row(node, depth, before))
    if options.sort == "cpu":
        rows.sort(key=lambda row: -(row["cpu"] or 0.0))
    elif options.sort == "own":
        rows.sort(key=lambda row: -row["memory"]["private"])
    return rows


def _row(node: dict[str, Any], depth: int, before: _Times) -> dict[str, Any]:
    now, used = time.monotonic(), _cpu(node)
    then = before.get(node["id"])
    share = max(0.0, used - then[1]) / (now - then[0]) if then is not None and now > then[0] else None
    amounts = [member["memory"] for member in _members(node) if member["memory"] is not None]
    keys = ("resident", "shared", "private", "proportional")
    return {
        "id": node["id"],
        "name": node["name"],
        "kind": node["kind"],
        "state": "ready" if node["ready"] and node["state"] == "running" else node["state"],
        "depth": depth,
        "cpu": share,
        "cpu_time": used,
        "memory": {key: sum(amount[key] for amount in amounts) for key in keys},
        "processes": max(1, len(node["processes"])) if node["kind"] == "vm" else 0,
        "pool": node["pool"],
        "uptime": node["uptime"],
        "image": node["image"],
        "args": node["args"],
        "at": now,
    }


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    indent = "  " * row["depth"]
    label = row["name"] if row["name"] != row["id"] else row["id"][:12]
    state = row["state"]
    if row["kind"] == "template":
        pool = row["pool"] or {}
        state = f"template, {pool['parked']} parked" if pool.get("parked") else "template"
    return (
        indent + label,
        state,
        "-" if row["cpu"] is None else f"{row['cpu']:.0%}",
        f"{row['cpu_time']:.2f} s",
        size(row["memory"]["private"]),
        size(row["memory"]["shared"]),
        str(row["processes"]) if row["processes"] else "-",
        "-" if row["uptime"] is None else age(time.time() - row["uptime"]),
        shlex.join(map(str, row["args"]))[:60],
    )


def _live(options: Namespace, chosen: Sequence[str], before: _Times) -> None:
    from rich.console import Console
    from rich.live import Live
    from rich.table import Table
    from rich.text import Text

    console = Console()
    shown = 0
    with Live(console=console, screen=options.count is None, auto_refresh=False) as live:
        while True:
            rows = _rows(chosen, before, options)
            before = _times_of(rows)
            grid = Table(box=None, pad_edge=False, header_style="bold")
            for heading in _HEADINGS:
                right = heading in ("CPU", "TIME", "OWN", "SHARED", "PROCESSES", "AGE")
                grid.add_column(heading, justify="right" if right else "left", no_wrap=True)
            room = max(1, console.height - 3)
            for row in rows[:room]:
                # Programs choose their names.
                cells = ("".join(c if c.isprintable() else "?" for c in cell) for cell in _cells(row))
                grid.add_row(*(Text(cell) for cell in cells))
            if len(rows) > room:
                grid.caption = f"and {len(rows) - room} more"
            live.update(grid, refresh=True)
            shown += 1
            if options.count is not None and shown >= options.count:
                return
            time.sleep(options.delay)
