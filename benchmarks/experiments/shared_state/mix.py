"""What `make -j4` asks of the kernel: recorded natively with strace, calls on state that processes share are counted.

    python3 mix.py > mix.json

The project has 50 C files; sources, objects and gcc's temporary files lie in the writable layer, the compiler in the
image. Calls on the image, on memory and on the process itself are the same in every design and are not counted.
"""

from __future__ import annotations

import collections
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

FILES = 50
CALL = re.compile(r"^(?P<pid>\d+) +(?P<name>\w+)\((?P<arguments>.*)\) += (?P<result>-?\d+|0x[0-9a-f]+|\?)")
PARTS = (re.compile(r"^(\d+) +(.*) <unfinished \.\.\.>$"), re.compile(r"^(\d+) +<\.\.\. \w+ resumed>(.*)$"))
FIRST_FD = re.compile(r"^\d+<([^>]*)>")
PATH = re.compile(r'"([^"]*)"')

LOOKUPS = {"newfstatat", "stat", "lstat", "access", "faccessat", "faccessat2", "readlink", "readlinkat", "statx"}
CHANGES = {
    "unlink",
    "unlinkat",
    "rename",
    "renameat",
    "renameat2",
    "mkdir",
    "mkdirat",
    "chmod",
    "fchmodat",
    "utimensat",
}
ON_FD = {
    "read": "read", "pread64": "read", "readv": "read", "write": "write", "writev": "write", "pwrite64": "write",
    "lseek": "offset", "fstat": "offset", "ftruncate": "offset", "fcntl": "offset", "ioctl": "offset",
    "close": "close", "mmap": "map", "fchmod": "change", "getdents64": "read",
}  # fmt: skip
PROCESSES = {"fork", "vfork", "clone", "clone3", "execve", "wait4", "waitid", "exit_group"}


def project(root: Path) -> None:
    """Writes the project: each file includes a few of libc's headers and one of its own."""
    (root / "all.h").write_text("".join(f"int f{n}(int x);\n" for n in range(FILES)))
    for n in range(FILES):
        body = "".join(f"static int g{k}(int x) {{ return x * {k + 3} + {n}; }}\n" for k in range(20))
        calls = " + ".join(f"g{k}(x)" for k in range(20))
        (root / f"f{n}.c").write_text(
            f'#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include "all.h"\n{body}'
            f'int f{n}(int x) {{ if (x < 0) printf("%d\\n", x); return {calls}; }}\n'
        )
    total = " + ".join(f"f{n}(c)" for n in range(FILES))
    (root / "main.c").write_text(f'#include "all.h"\nint main(int c, char **v) {{ (void)v; return ({total}) & 1; }}\n')
    objects = " ".join(f"f{n}.o" for n in range(FILES))
    (root / "Makefile").write_text(
        f"program: main.o {objects}\n\tgcc -o $@ $^\n%.o: %.c all.h\n\tgcc -O2 -c -o $@ $<\n"
    )


def calls(log: Path) -> list[tuple[str, str, str, str]]:
    """(pid, name, arguments, result) of every call, with the halves of interrupted lines joined."""
    pending: dict[str, str] = {}
    found = []
    for line in log.read_text(errors="replace").splitlines():
        if half := PARTS[0].match(line):
            pending[half[1]] = half[2]
            continue
        if half := PARTS[1].match(line):
            line = f"{half[1]} {pending.pop(half[1], '')}{half[2]}"
        if call := CALL.match(line):
            found.append((call["pid"], call["name"], call["arguments"], call["result"]))
    return found


def kind(name: str, arguments: str, result: str, inside: str) -> tuple[str, str] | None:
    """(operation, directory) of a call on shared state, None for any other."""
    if name in ("pipe", "pipe2"):
        return "pipe_make", ""
    if name in ON_FD:
        held = FIRST_FD.match(arguments)
        if name == "mmap" and (held := re.search(r", \d+<([^>]*)>", arguments)) is None:
            return None
        path = held[1] if held else ""
        if path.startswith("pipe:"):
            return {"read": "pipe_read", "write": "pipe_write", "close": "pipe_close"}.get(ON_FD[name], "offset"), ""
        return (ON_FD[name], os.path.dirname(path)) if path.startswith(inside) else None
    named = PATH.search(arguments)
    if named is None:
        return None
    path = os.path.normpath(os.path.join(inside, "project", named[1]))
    if not path.startswith(inside):
        return None
    where = os.path.dirname(path)
    if name in LOOKUPS:
        return "lookup", where
    if name in CHANGES:
        return "change", where
    if name in ("open", "openat", "creat"):
        if result.startswith("-"):
            return "lookup", where
        return ("create" if "O_CREAT" in arguments else "open"), where
    return None


def leases(events: list[tuple[str, str, str]], after: int) -> dict[str, int]:
    """Who would have held the lease of each directory: it is granted after `after` changes in a row by one process."""
    holder: dict[str, str] = {}
    last: dict[str, tuple[str, int]] = {}
    count = collections.Counter({"local": 0, "keeper": 0, "granted": 0, "recalled": 0})
    for pid, operation, where in events:
        changes = operation in ("create", "change")
        if holder.get(where) == pid:
            count["local"] += changes
            continue
        if where in holder:
            count["recalled"] += 1
            del holder[where]
            last.pop(where, None)
        if changes:
            count["keeper"] += 1
            previous, row = last.get(where, ("", 0))
            last[where] = (pid, row + 1 if previous == pid else 1)
            if last[where][1] >= after:
                holder[where] = pid
                count["granted"] += 1
    return dict(count)


def main() -> int:
    base = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(dir=base) as directory:
        root = Path(directory) / "project"
        root.mkdir()
        (Path(directory) / "tmp").mkdir()
        environment = {**os.environ, "TMPDIR": f"{directory}/tmp"}
        project(root)
        begin = os.times()
        subprocess.run(["make", "-s", "-j4"], cwd=root, env=environment, check=True)
        end = os.times()
        subprocess.run("rm -f *.o program", shell=True, cwd=root, check=True)
        log = Path(directory) / "log"
        subprocess.run(["strace", "-f", "-y", "-o", log, "make", "-s", "-j4"], cwd=root, env=environment, check=True)
        all_calls = calls(log)
    count: collections.Counter[str] = collections.Counter()
    process: collections.Counter[str] = collections.Counter()
    names = []
    for pid, name, arguments, result in all_calls:
        if name in PROCESSES:
            process[name] += 1
        elif found := kind(name, arguments, result, directory):
            count[found[0]] += 1
            if found[0] in ("create", "change", "lookup", "open"):
                names.append((pid, *found))
    document = {
        "files": FILES,
        "native": {
            "wall_s": round(end.elapsed - begin.elapsed, 2),
            "cpu_s": round(end.children_user + end.children_system - begin.children_user - begin.children_system, 2),
        },
        "calls": len(all_calls),
        "processes": dict(sorted(process.items())),
        "shared": dict(sorted(count.items())),
        "leases": {str(after): leases(names, after) for after in (1, 2, 4)},
    }
    json.dump(document, sys.stdout, indent=2)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
