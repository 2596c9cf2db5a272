"""A VM as a JSON object: what ``ps --json`` and ``inspect`` print."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ramet.registry import Ended, Entry, Status

__all__ = ["describe", "how_it_ended", "words"]


def describe(entry: Entry, status: Status) -> dict[str, Any]:
    """The keys are stable: see docs/howto/cli.md."""
    record = entry.record
    info = status.info or {}
    ended = status.ended
    return {
        "id": entry.id,
        "name": entry.name,
        "image": record.get("image"),
        "image_digest": record.get("image_digest"),
        "args": record.get("args", []),
        "state": status.state,
        "pid": status.pid if status.alive else None,
        "created": record.get("created"),
        "ended": ended and ended.ended,
        "status": ended and ended.status,
        "reason": ended and ended.reason,
        "signal": ended and ended.signal,
        "message": ended and ended.message,
        "parent": record.get("parent"),
        "generation": info.get("generation"),
        "ready": info.get("ready"),
        "uptime": info.get("uptime"),
        "memory": info.get("memory"),
        "directory": str(entry.directory),
    }


def words(status: Status) -> str:
    """The state in a word or two."""
    if status.ended is None:
        return "ready" if status.state == "running" and (status.info or {}).get("ready") else status.state
    return how_it_ended(status.ended)


def how_it_ended(ended: Ended) -> str:
    """The end in a word or two."""
    if ended.reason == "exited":
        return f"exited ({ended.status})"
    if ended.reason == "signal":
        return f"exited (signal {ended.signal})"
    return f"{ended.reason} ({ended.status})"
