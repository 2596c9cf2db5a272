"""What is remembered of VMs that were removed: names, lineage, how they ended.

::

    discard ── one line ──► run/removed (journal)            whoever lists VMs
                                   └───────── absorb ──────────────► registry.db (SQLite, WAL mode)

The directories of VMs are the truth about VMs that are there; this is a memory of those that are not, and nothing
depends on it. To remember costs one ``write(2)`` under a shared lock of the journal, so that a removal costs the same
with any number of VMs. A journal that was absorbed by somebody who was killed before emptying it is absorbed again: ids
are unique. A database that is damaged is put aside and begun anew.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time

from ramet import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from typing import Any

    from ramet.registry.entry import Entry

__all__ = ["lineage", "lookup", "recent", "remember"]

#: So many are remembered; the oldest go first.
KEPT = 100_000

# In the order of the table's columns.
_COLUMNS = (
    "id",
    "name",
    "parent",
    "origin",
    "image",
    "image_digest",
    "args",
    "created",
    "ended",
    "status",
    "reason",
    "signal",
    "message",
    "removed",
)
_SCHEMA = """
create table if not exists vms (
    number integer primary key,
    id text not null unique,
    name text, parent text, origin text, image text, image_digest text, args text,
    created real, ended real, status integer, reason text, signal integer, message text,
    removed real not null
);
create index if not exists vms_by_name on vms (name, number);
"""


def _journal() -> str:
    return f"{paths.runtime_home()}/removed"


def remember(entry: Entry) -> None:
    """Notes a VM whose directory is about to go. Never fails: there may be no room, and removing makes some."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        if not entry.record or entry.process() is None:
            return  # it never came to be a VM
        ended = entry.status(ask=False).ended
        known = {**entry.record, **(ended.document() if ended else {}), "id": entry.id, "removed": time.time()}
        line = json.dumps([known.get(column) for column in _COLUMNS]).encode() + b"\n"
        descriptor = os.open(_journal(), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            # Whoever absorbs it holds it alone.
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            os.write(descriptor, line)
        finally:
            os.close(descriptor)


def recent(limit: int = 50) -> list[dict[str, Any]]:
    """The VMs removed last, the last one first."""
    with _database() as database:
        return _rows(database.execute("select * from vms order by number desc limit ?", (limit,)))


def lookup(reference: str) -> dict[str, Any] | None:
    """The removed VM with that id, or the last one with that name."""
    with _database() as database:
        found = _rows(
            database.execute(
                "select * from vms where id = ? or name = ? order by number desc limit 1", (reference, reference)
            )
        )
    return found[0] if found else None


def lineage(identity: str) -> list[str]:
    """The id of a removed VM's parent, of that one's, and so on, as far as they are remembered."""
    found: list[str] = []
    with _database() as database:
        while True:
            row = database.execute("select parent from vms where id = ?", (identity,)).fetchone()
            if row is None or row[0] is None or row[0] in found:
                return found
            identity = row[0]
            found.append(identity)


def _rows(cursor: sqlite3.Cursor) -> list[dict[str, Any]]:
    names = [column[0] for column in cursor.description][1:]
    rows = [dict(zip(names, row[1:], strict=True)) for row in cursor]
    for row in rows:
        row["args"] = json.loads(row["args"] or "[]")
    return rows


@contextlib.contextmanager
def _database() -> Iterator[sqlite3.Connection]:
    """The database, with everything in it that was noted."""
    import sqlite3

    path = paths.data_home() / "registry.db"
    try:
        database = _open(str(path))
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
        # Not a database, or damaged.
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.rename(f"{path}{suffix}", f"{path}.damaged{suffix}")
        database = _open(str(path))
    try:
        _absorb(database)
        yield database
    finally:
        database.close()


def _open(path: str) -> sqlite3.Connection:
    import sqlite3

    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    database = sqlite3.connect(path, timeout=10, isolation_level=None)
    try:
        database.execute("pragma journal_mode = wal")
        database.execute("pragma synchronous = normal")
        database.executescript(_SCHEMA)
    except BaseException:
        database.close()
        raise
    return database


def _absorb(database: sqlite3.Connection) -> None:
    """Takes over the journal's lines, and empties it."""
    try:
        descriptor = os.open(_journal(), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    with open(descriptor, "r+b", buffering=0) as journal:
        fcntl.flock(journal, fcntl.LOCK_EX)
        rows = [row for line in journal.readall().splitlines() if (row := _parse(line)) is not None]
        if not rows:
            return
        places = ", ".join("?" * len(_COLUMNS))
        database.execute("begin immediate")
        try:
            database.executemany(
                f"insert or ignore into vms ({', '.join(_COLUMNS)}) values ({places})",
                rows,
            )
            database.execute("delete from vms where number <= (select max(number) from vms) - ?", (KEPT,))
            database.execute("commit")
        except BaseException:
            database.execute("rollback")
            raise
        journal.truncate(0)


def _parse(line: bytes) -> list[Any] | None:
    """A line's values; ``None`` of half a line, as a full disk leaves it."""
    try:
        row = json.loads(line)
    except ValueError:
        return None
    if not isinstance(row, list) or len(row) != len(_COLUMNS) or not isinstance(row[0], str):
        return None
    values = dict(zip(_COLUMNS, row, strict=True))
    values["args"] = json.dumps(values["args"] or [])
    if not all(value is None or isinstance(value, str | int | float) for value in values.values()):
        return None
    return list(values.values())
