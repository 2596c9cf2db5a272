"""Processes named so that a reused process id is not taken for them: by id and start time together."""

from __future__ import annotations

import os

__all__ = ["is_alive", "open_process", "start_time"]


def start_time(pid: int) -> int | None:
    """Field 22 of ``/proc/PID/stat`` (clock ticks since boot).

    ``None``: there is no such process, or only its zombie.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The command's name, in parentheses, may hold anything, parentheses and spaces included.
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    if fields[0] in (b"Z", b"X"):
        return None
    return int(fields[19])


def is_alive(pid: int, started: int) -> bool:
    """Whether the process with this id that started at that time still runs."""
    return start_time(pid) == started


def open_process(pid: int, started: int) -> int | None:
    """A pidfd of that process (readable when it has ended), or ``None`` if it is gone."""
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return None
    # Checked after opening: from here on the descriptor cannot come to mean another process.
    if start_time(pid) != started:
        os.close(descriptor)
        return None
    return descriptor
