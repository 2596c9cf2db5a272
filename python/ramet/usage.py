"""What VMs use of the host at one moment: processor time and memory, with their lineage."""

from __future__ import annotations

import os

from ramet import registry
from ramet.errors import RametError
from ramet.registry import history
from ramet.registry.vms import template_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ramet.registry import Entry

__all__ = ["cpu_time", "forest", "memory"]

#: Keys of ``memory``, and the lines of /proc/PID/smaps_rollup that they are made of.
_MEMORY = {
    "resident": ("Rss",),
    "shared": ("Shared_Clean", "Shared_Dirty"),
    "private": ("Private_Clean", "Private_Dirty"),
    "proportional": ("Pss",),
}
_TICK = 1 / os.sysconf("SC_CLK_TCK")


def memory(pid: int | None) -> dict[str, int] | None:
    """Bytes that a process of the host has in memory, or ``None`` of one that is gone."""
    if pid is None:
        return None
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            lines = dict(line.split(":", 1) for line in file if ":" in line.split(" ", 1)[0])
        return {key: sum(int(lines[name].split()[0]) << 10 for name in names) for key, names in _MEMORY.items()}
    except (OSError, KeyError, ValueError):
        return None


def cpu_time(pid: int | None) -> float | None:
    """Seconds of processor time that a process of the host has used, or ``None`` of one that is gone."""
    if pid is None:
        return None
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return (int(fields[11]) + int(fields[12])) * _TICK
    except (OSError, IndexError, ValueError):
        return None


def forest() -> list[dict[str, Any]]:
    """The VMs that have a process, as trees: ``clones`` of each are below it, or below its nearest ancestor there."""
    nodes: dict[str, dict[str, Any]] = {}
    parents: dict[str, str | None] = {}
    for entry in registry.entries():
        node = _node(entry)
        if node is not None:
            nodes[entry.id] = node
            parents[entry.id] = entry.record.get("parent")
    roots = []
    for identity, node in nodes.items():
        parent = parents[identity]
        if parent is not None and parent not in nodes:
            # It was removed: below the nearest of its ancestors that is still there.
            parent = next((ancestor for ancestor in history.lineage(parent) if ancestor in nodes), None)
        if parent is None:
            roots.append(node)
        else:
            nodes[parent]["clones"].append(node)
    return roots


def _node(entry: Entry) -> dict[str, Any] | None:
    status = entry.status()
    if not status.alive:
        return None
    processes: list[dict[str, Any]] = []
    if status.state in ("running", "paused"):
        from ramet.process import processes as ask

        try:
            processes = ask(entry)
        except RametError:  # it ends just now, or does not answer
            processes = []
    for process in processes:
        process["memory"] = memory(process["vmm"])
        process["cpu_time"] = cpu_time(process["vmm"])
    return {
        "id": entry.id,
        "name": (template_name(entry) if status.state == "frozen" else None) or entry.name,
        "kind": "template" if status.state == "frozen" else "vm",
        "state": status.state,
        "ready": bool((status.info or {}).get("ready")),
        "image": entry.record.get("image"),
        "args": entry.record.get("args", []),
        "pid": status.pid,
        "uptime": (status.info or {}).get("uptime"),
        "pool": (status.info or {}).get("pool"),
        "memory": memory(status.pid),
        "cpu_time": cpu_time(status.pid),
        "processes": processes,
        "clones": [],
    }
