"""Builds the model, measures the designs, kills participants, and prints the tables in Markdown.

    python3 run.py [--quick] [--write]

--write puts them into results.md and, but for the second host, into the decision.
What `make -j4` asks for is in mix.json, recorded by mix.py.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
DECISION = HERE.parents[2] / "docs" / "decisions" / "0008-shared-process-state.md"
BEGIN, END = "<!-- measured -->\n", "<!-- end of what was measured -->"
DESIGNS = {"host": "A", "memory": "B", "keeper": "C", "ring": "C-ring", "lease": "C'"}
ROWS = {
    "pingpong_us": "one-byte ping-pong, round trip, µs",
    "pingpong_poll_us": "the same, a sleeper first watches its word for as long as an exit and a futex take",
    "stream_mb_s": "64 KiB stream, MB/s (with watching)",
    "pipe_1b_us": "write of one byte that need not wait, µs",
    "write_4k_us": "4 KiB write at the shared offset, µs",
    "lookup_us": "does a name exist, µs",
    "open_us": "open of an existing file, µs",
    "close_us": "its close, µs",
    "create_us": "create, µs",
    "unlink_us": "unlink, µs",
}
SAME_CODE = ("pingpong_us", "pingpong_poll_us", "stream_mb_s", "pipe_1b_us", "write_4k_us")
# Exit and doorbell in nanoseconds.
HOSTS = {"software KVM": (75000, 2900), "hardware KVM": (2000, 1000)}
Table = dict[str, dict[str, float]]  # design → row → value


def build(directory: str) -> str:
    program = f"{directory}/shared_state"
    sources = sorted(str(path) for path in HERE.glob("*.c"))
    subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread", "-o", program, *sources], check=True)
    return program


def measure(program: str, runs: dict[str, tuple[str, int, int]], ms: int, repeats: int) -> Table:
    """Of each row the best of many short runs, the designs in turn: the machine may be busy with something else."""
    table: Table = {column: {} for column in runs}
    for _ in range(repeats):
        for column, (design, exit_ns, doorbell_ns) in runs.items():
            command = [program, "bench", design, str(exit_ns), str(doorbell_ns), str(ms)]
            done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
            for line in done.stdout.splitlines():
                _, row, text = line.split()
                keep = max if row.endswith("mb_s") else min
                table[column][row] = keep(table[column].get(row, float(text)), float(text))
    for row in SAME_CODE:  # pipes and files are one code in the three, so that they share their runs
        values = [table[column][row] for column in ("keeper", "ring", "lease")]
        value = max(values) if row.endswith("mb_s") else min(values)
        for column in ("keeper", "ring", "lease"):
            table[column][row] = value
    return table


def figure(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def operations(table: Table) -> list[str]:
    columns = ["native", *DESIGNS]
    lines = ["| | " + " | ".join(DESIGNS.get(c, c) for c in columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for row, title in ROWS.items():
        lines.append(f"| {title} | " + " | ".join(figure(table[c].get(row)) for c in columns) + " |")
    total = {c: table[c]["create_us"] + table[c]["close_us"] + table[c]["unlink_us"] for c in columns}
    lines.append("| **create, close, unlink, µs** | " + " | ".join(figure(total[c]) for c in columns) + " |")
    return lines


def mix_cost(
    table: Table, design: str, mix: dict[str, dict[str, int]], leases: dict[str, int], bell_us: float
) -> float:
    """Milliseconds of shared-state work in one `make -j4`.

    In C the data of pipes is taken as the host's: make's job server has many writers.
    """
    row, count = table[design], mix["shared"]
    host = table["host"]
    offset = host["lookup_us"] if design == "host" else 0.02
    pipes = host if design in ("keeper", "ring", "lease") else row
    changes = count["create"] * row["create_us"] + count["change"] * row["unlink_us"]
    if design == "lease":
        asked = leases["keeper"] + leases["recalled"]
        round_trip = table["ring"]["create_us"]
        changes = asked * round_trip + leases["local"] * row["create_us"]
    total = (
        changes
        + count["lookup"] * row["lookup_us"]
        + count["open"] * row["open_us"]
        + count["close"] * row["close_us"]
        + count["offset"] * offset
        + (count["read"] + count["write"]) * row["write_4k_us"]
        + (count["pipe_read"] + count["pipe_write"]) * pipes["pipe_1b_us"]
        + count["pipe_make"] * (table["ring"] if design == "lease" else row)["create_us"]
        + count["pipe_close"] * (row["close_us"] if design in ("host", "memory") else bell_us)
    )
    return total / 1000


def kills(program: str, design: str, mode: str, rounds: int) -> dict[str, int]:
    command = [program, "kills", design, mode, str(rounds), "0"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
    words = done.stdout.split()[2:]
    return {key: int(value) for key, value in zip(words[::2], words[1::2], strict=True)}


def kill_table(program: str, rounds: int) -> list[str]:
    """Rounds in which something was wrong, and of B those in which a lock's owner died and left half an update."""
    wrong = {
        "stuck": "stuck",
        "bytes": "bytes",
        "eof": "no end of file",
        "counts": "counts",
        "names": "names",
        "crashed": "crashed",
    }
    titles = [
        "killed at a random time",
        "killed between two stores",
        "of both: died in a lock / left half an update",
        "wrote garbage first",
    ]
    lines = ["| | " + " | ".join(titles) + " |", "|---" * (len(titles) + 1) + "|"]
    for design in ("memory", "keeper", "ring", "lease"):
        cells = []
        dead = []
        for mode in ("random", "crash_points", "scribble"):
            number = rounds if mode != "scribble" else rounds // 20
            found = kills(program, design, mode, number)
            what = ", ".join(f"{title} {found[key]}" for key, title in wrong.items() if found[key])
            cells.append(f"{what or 'nothing wrong'} (of {number})")
            if mode != "scribble":
                dead.append(f"{found['died_in_lock']} / {found['torn']}")
        cells.insert(2, " and ".join(dead) if design == "memory" else "no locks")
        lines.append(f"| {DESIGNS[design]} | " + " | ".join(cells) + " |")
    return lines


def report(quick: bool) -> tuple[str, str]:
    """(all tables, those for the decision)"""
    mix = json.loads((HERE / "mix.json").read_text())
    ms, repeats = (20, 3) if quick else (20, 20)
    both: list[list[str]] = []
    totals: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as directory:
        program = build(directory)
        for host, (exit_ns, doorbell_ns) in HOSTS.items():
            runs = {"native": ("host", 0, 0), **{design: (design, exit_ns, doorbell_ns) for design in DESIGNS}}
            table = measure(program, runs, ms, repeats)
            both.append(
                [
                    f"Exit {exit_ns / 1000:g} µs, doorbell {doorbell_ns / 1000:g} µs ({host}):",
                    "",
                    *operations(table),
                    "",
                ]
            )
            totals[host] = {d: mix_cost(table, d, mix, mix["leases"]["2"], doorbell_ns / 1000) for d in DESIGNS}
        dead = kill_table(program, 100 if quick else 1000)
    shared = sum(mix["shared"].values())
    rest = [
        f"`make -j4` of {mix['files']} C files ({mix['native']['wall_s']} s natively, {mix['calls']} calls, "
        f"{shared} of them on shared state): milliseconds that these cost, all processes together:",
        "",
        "| | " + " | ".join(DESIGNS.values()) + " |",
        "|---" * (len(DESIGNS) + 1) + "|",
        *(f"| {host} | " + " | ".join(figure(total[d]) for d in DESIGNS) + " |" for host, total in totals.items()),
        "",
        "Rounds of kills, what the survivors and the checker found:",
        "",
        *dead,
        "",
    ]
    host = f"Linux {platform.release().split('-')[0]}, {os.cpu_count()} CPUs"
    where = f"{host}, of {repeats} runs each the best stretch of 200 µs or 100 operations."
    whole = ["# Results", "", where, "", *both[0], *both[1], *rest]
    return "\n".join(whole), "\n".join([where, "", *both[0], *rest])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="shorter runs, a tenth of the kills")
    parser.add_argument("--write", action="store_true", help="write the tables into results.md and the decision")
    options = parser.parse_args()
    whole, decision = report(options.quick)
    print(whole)
    if options.write:
        (HERE / "results.md").write_text(whole)
        before, rest = DECISION.read_text().split(BEGIN)
        DECISION.write_text(f"{before}{BEGIN}{decision}{END}{rest.split(END)[1]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
