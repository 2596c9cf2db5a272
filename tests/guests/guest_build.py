#!/usr/bin/env python3
"""Builds the guest programs: tiny Linux programs, one per behaviour, run natively and in the VM.

    python3 tests/guests/build.py OUT             build everything that is out of date, write OUT/manifest.json
    python3 tests/guests/build.py OUT --native    also run each case natively, several times, and compare
    python3 tests/guests/build.py OUT --group process     another group than the usual ones (`GROUPS`)

The programs of an area lie in `AREA/`; those of the group `process`, which need fork(2), in `process/AREA/`. Shell,
Perl and Python scripts of that group run with the programs of Debian.

A source file says in comments of its first lines how it is built and run:

    // variants: static musl dynamic     how it is linked (default: static); see VARIANTS
    // args: one two                     a case with these arguments; several lines make several cases
    // users: root nobody                run as these users (default: root)
    // flags: -mavx2                     more compiler flags
    // stdin: text                       its standard input (default: none); escapes as in Python
    // repeat: args                      its output is to differ from run to run
    // allow: NATIVE => VM : reason      an expected difference: two regular expressions for one line
    // allow-status: N => M : reason     the same for the exit status
    // slow                              takes longer than two seconds
    // needs: avx512f                    CPU flag without which the case is left out
    // env: NAME=VALUE                   added to the environment; VALUE @data: files of the image that may be changed
    // optional: reason                  in the VM it may say "absent" in its last line
    // tty                               standard streams are a terminal

In scripts the comments begin with `#`; `variants` are then names of shells.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import dataclasses
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# The groups of programs that a plain build, and so the tests, include.
GROUPS = ["basic", "process"]
ALL_GROUPS = ["basic", "process"]
COMMON = ["-std=gnu11", "-O1", "-g0", "-Wall", "-Wextra", "-Wno-unused-result", "-Wno-nonnull", "-D_GNU_SOURCE"]
COMMON += [
    "-Wno-missing-field-initializers",
    "-Wno-stringop-overflow",
    "-Wno-stringop-overread",
    "-Wno-format-zero-length",
]
COMMON += [f"-I{HERE}", f"-I{HERE}/process"]
MUSL = ["musl-gcc", "-idirafter", "/usr/include", "-idirafter", "/usr/include/x86_64-linux-gnu"]
VARIANTS: dict[str, list[str]] = {
    "static": ["gcc", "-static", "-no-pie", "-fno-pie"],
    "static-pie": ["gcc", "-static-pie", "-fpie"],
    "pie": ["gcc", "-pie", "-fpie"],
    "nonpie": ["gcc", "-no-pie", "-fno-pie"],
    "musl": [*MUSL, "-static", "-no-pie", "-fno-pie"],
    "musl-pie": [*MUSL, "-pie", "-fpie"],
    "bare": ["gcc", "-static", "-no-pie", "-fno-pie", "-nostdlib", "-ffreestanding"],
}
# Interpreters of scripts, by suffix or by a shell script's variant.
INTERPRETERS = {
    ".lua": ["/usr/bin/luajit"],
    ".pl": ["/usr/bin/perl"],
    ".py": ["/usr/bin/python3", "-S"],
    "dash": ["/bin/sh"],
    "bash": ["/bin/bash"],
    "busybox": ["/bin/busybox", "sh"],
}
# Modules of the programs in process/tools.txt: copied as they are, but for what no test uses.
MODULES = ["/usr/lib/x86_64-linux-gnu/perl-base", "/usr/lib/python3.*"]
UNUSED_MODULES = shutil.ignore_patterns(
    "__pycache__", "test", "tests", "idlelib", "tkinter", "ensurepip", "dist-packages", "lib2to3", "config-*", "pydoc*"
)


@dataclasses.dataclass
class Header:
    """What a source file's leading comments say."""

    variants: list[str] = dataclasses.field(default_factory=lambda: ["static"])
    args: list[list[str]] = dataclasses.field(default_factory=list)
    users: list[str] = dataclasses.field(default_factory=lambda: ["root"])
    flags: list[str] = dataclasses.field(default_factory=list)
    needs: list[str] = dataclasses.field(default_factory=list)
    env: list[str] = dataclasses.field(default_factory=list)
    allow: list[dict[str, str]] = dataclasses.field(default_factory=list)
    allow_status: list[dict[str, str]] = dataclasses.field(default_factory=list)
    stdin: str | None = None
    optional: str | None = None
    repeat: bool = False
    slow: bool = False
    tty: bool = False


def allowed(text: str) -> dict[str, str]:
    """`NATIVE => VM : reason` as a dictionary."""
    match = re.fullmatch(r"(.*?) => (.*) : (.+)", text)
    if not match:
        raise SystemExit(f"not of the form NATIVE => VM : reason: {text}")
    return {"native": match[1], "vm": match[2], "reason": match[3]}


def expand(words: list[str]) -> list[str]:
    """`word@@N` stands for N times `word`."""
    many = [re.fullmatch(r"(.*)@@(\d+)", word) for word in words]
    return [
        item
        for word, match in zip(words, many, strict=True)
        for item in ([match[1]] * int(match[2]) if match else [word])
    ]


def read_header(source: Path) -> Header:
    """Parse the comment lines before the first line that is not one."""
    header = Header()
    for line in source.read_text().splitlines():
        if not line.startswith(("//", "--", "#!", "# ")):
            break
        match = re.fullmatch(r"(?://|--|#) ([a-z-]+)(?:: ?(.*))?", line)
        if not match:
            continue
        key, value = match[1], match[2] or ""
        if key in ("variants", "users", "needs"):
            setattr(header, key, value.split())
        elif key == "flags":
            header.flags += shlex.split(value)
        elif key == "args":
            header.args.append(expand(shlex.split(value)))
        elif key == "env":
            header.env.append(value)
        elif key == "allow":
            header.allow.append(allowed(value))
        elif key == "allow-status":
            header.allow_status.append(allowed(value))
        elif key == "stdin":
            header.stdin = value.encode().decode("unicode_escape")
        elif key == "optional":
            header.optional = value
        elif key in ("repeat", "slow", "tty"):
            setattr(header, key, True)
    return header


def newer(target: Path, sources: list[Path]) -> bool:
    """Whether `target` exists and is newer than all of `sources`."""
    if not target.exists():
        return False
    made = target.stat().st_mtime
    return all(source.stat().st_mtime <= made for source in sources)


def compile_one(command: list[str], target: Path, sources: list[Path]) -> str | None:
    """Run a compiler if the target is out of date; what it complained about, or None."""
    if newer(target, sources):
        return None
    target.parent.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "CGO_ENABLED": "0"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    except FileNotFoundError:
        return f"{command[0]} is missing: see packages.txt"
    text = (done.stderr + done.stdout).strip()
    return f"{shlex.join(command)}\n{text}" if done.returncode or text else None


def cpu_flags() -> set[str]:
    """The host CPU's flags."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("flags"):
            return set(line.split(":")[1].split())
    return set()


def area_of(source: Path) -> str:
    """The folder of a source file below this one."""
    return source.parent.relative_to(HERE).as_posix()


def group_of(source: Path) -> str:
    """The group that a source file belongs to."""
    return "process" if area_of(source).startswith("process/") else "basic"


def sources_of(groups: list[str]) -> list[Path]:
    """The source files of these groups."""
    basic = [
        path for suffix in ("c", "go", "lua") for path in HERE.glob(f"*/*.{suffix}") if path.parent != HERE / "process"
    ]
    process = [path for suffix in ("c", "sh", "pl", "py") for path in HERE.glob(f"process/*/*.{suffix}")]
    return sorted((basic if "basic" in groups else []) + (process if "process" in groups else []))


def cases_of(source: Path, header: Header, variant: str, path: str, prefix: list[str]) -> list[dict[str, object]]:
    """The manifest's entries for one built program."""
    name = f"{area_of(source)}/{source.stem}"
    entries: list[dict[str, object]] = []
    for args in header.args or [[]]:
        for user in header.users:
            label = f"{name}-{variant}"
            if args:
                label += "[" + ",".join(args)[:60] + "]"
            if user != "root":
                label += f"@{user}"
            entries.append(
                {
                    "name": label,
                    "area": area_of(source),
                    "group": group_of(source),
                    "variant": variant,
                    "path": path,
                    "argv": [*prefix, path, *args],
                    "user": user,
                    "env": header.env,
                    "stdin": header.stdin,
                    "optional": header.optional,
                    "repeat": header.repeat,
                    "slow": header.slow,
                    "tty": header.tty,
                    "allow": header.allow,
                    "allow_status": header.allow_status,
                }
            )
    return entries


def copy_with_libraries(program: str, out: Path) -> None:
    """Copy a dynamically linked program of the host, and the libraries it needs, to the same paths below `out`."""
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
    paths = [program, *re.findall(r"(/\S+) \(0x", listed)]
    for path in paths:
        target = out / path.lstrip("/")
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(Path(path).resolve(), target)


def spoil(out: Path) -> list[dict[str, object]]:
    """Files that are no programs, each with the exit status that running it is to give."""
    folder = out / "tests" / "bad"
    folder.mkdir(parents=True, exist_ok=True)
    hello = (out / "tests" / "elf" / "hello-static").read_bytes()
    pie = (out / "tests" / "elf" / "hello-pie").read_bytes()

    def patched(data: bytes, offset: int, value: bytes) -> bytes:
        return data[:offset] + value + data[offset + len(value) :]

    interpreter = pie.index(b"/lib64/ld-linux")
    files: dict[str, tuple[bytes, int]] = {
        "empty": (b"", 126),
        "short-header": (hello[:40], 126),
        "no-program-headers": (hello[:64], 126),
        "half-program-headers": (hello[:130], 126),
        "not-elf": (b"\x00\x01\x02 this is no program\n", 126),
        "machine-arm": (patched(hello, 18, b"\xb7\x00"), 126),
        "class-32": (patched(hello, 4, b"\x01"), 126),
        "big-endian": (patched(hello, 5, b"\x02"), 126),
        "relocatable": (patched(hello, 16, b"\x01\x00"), 126),
        "header-size-odd": (patched(hello, 54, b"\x39\x00"), 126),
        "headers-far-away": (patched(hello, 32, b"\xff\xff\xff\xff\xff\xff\xff\x7f"), 126),
        "no-headers": (patched(hello, 56, b"\x00\x00"), 126),
        "interpreter-missing": (patched(pie, interpreter, b"/lib64/no-linux"), 127),
        "interpreter-is-text": (patched(pie, interpreter, b"/etc/passwd\x00"), 126),
        "script-without-interpreter": (b"#!/no/such/interpreter\n", 127),
    }
    entries: list[dict[str, object]] = []
    for name, (data, status) in files.items():
        (folder / name).write_bytes(data)
        (folder / name).chmod(0o755)
        entries.append({"name": f"bad/{name}", "argv": [f"/tests/bad/{name}"], "status": status})
    (folder / "no-permission").write_bytes(hello)
    (folder / "no-permission").chmod(0o644)
    entries.append({"name": "bad/no-permission", "argv": ["/tests/bad/no-permission"], "status": 126})
    (folder / "directory").mkdir(exist_ok=True)
    entries.append({"name": "bad/directory", "argv": ["/tests/bad/directory"], "status": 126})
    entries.append({"name": "bad/missing", "argv": ["/tests/bad/missing"], "status": 127})
    entries.append({"name": "bad/missing-in-path", "argv": ["no-such-command"], "status": 127})
    entries.append({"name": "bad/below-a-file", "argv": ["/tests/bad/empty/x"], "status": 126})
    return entries


@dataclasses.dataclass
class Job:
    """One program to be made."""

    command: list[str]
    target: Path
    sources: list[Path]
    name: str


def plan(out: Path, groups: list[str] | None = None) -> tuple[list[dict[str, object]], list[Job]]:
    """All cases of the groups (`GROUPS` by default), and the jobs that make their programs below `out`."""
    tests = out / "tests"
    jobs: list[Job] = []
    entries: list[dict[str, object]] = []
    flags = cpu_flags()
    shared = sorted([*HERE.glob("*.h"), *HERE.glob("process/*.h")])
    groups = GROUPS if groups is None else groups
    if "process" in groups:
        target, source = tests / "process" / "sandbox", HERE / "process" / "sandbox.c"
        jobs.append(Job(["gcc", "-static", *COMMON, "-o", str(target), str(source)], target, [source], "sandbox"))
    for source in sources_of(groups):
        area, name = area_of(source), f"{area_of(source)}/{source.stem}"
        if area == "lib":
            target = tests / "lib" / f"lib{source.stem}.so"
            command = ["gcc", "-shared", "-fPIC", *COMMON, "-o", str(target), str(source)]
            jobs.append(Job(command, target, [source], name))
            continue
        header = read_header(source)
        if not set(header.needs) <= flags:
            continue
        if source.suffix == ".go":
            target = tests / area / f"{source.stem}-go"
            jobs.append(Job(["go", "build", "-trimpath", "-o", str(target), str(source)], target, [source], name))
            entries += cases_of(source, header, "go", f"/tests/{area}/{target.name}", [])
        elif source.suffix != ".c":
            target = tests / area / source.name
            jobs.append(Job(["cp", str(source), str(target)], target, [source], name))
            shells = [shell for shell in header.variants if shell in INTERPRETERS] or ["dash"]
            for kind in shells if source.suffix == ".sh" else [source.suffix]:
                interpreter = INTERPRETERS[kind]
                label = kind if source.suffix == ".sh" else Path(interpreter[0]).name
                entries += cases_of(source, header, label, f"/tests/{area}/{source.name}", interpreter)
        else:
            for variant in header.variants:
                target = tests / area / f"{source.stem}-{variant}"
                libraries = [] if variant == "bare" else ["-pthread", "-lm"]
                command = [*VARIANTS[variant], *COMMON, "-o", str(target), str(source)]
                jobs.append(Job([*command, *header.flags, *libraries], target, [source, *shared], name))
                entries += cases_of(source, header, variant, f"/tests/{area}/{target.name}", [])
    return entries, jobs


def build(
    out: Path, pattern: str, workers: int, groups: list[str] | None = None
) -> tuple[list[dict[str, object]], list[str]]:
    """Build what matches `pattern`; the cases whose programs exist, and the compilers' complaints."""
    entries, jobs = plan(out, groups)
    wanted = [job for job in jobs if re.search(pattern, job.name) or job.name == "sandbox"]
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        results = pool.map(lambda job: compile_one(job.command, job.target, job.sources), wanted)
        complaints = [text for text in results if text]
    return [entry for entry in entries if (out / str(entry["path"]).lstrip("/")).exists()], complaints


def make_data(data: Path) -> None:
    """Files and directories of many sizes, for programs that read and change what came with the image."""
    if data.exists():
        return
    data.mkdir(parents=True)
    for size in (0, 1, 100, 2000, 4000, 4080, 4095, 4096, 4097, 8191, 8192, 8193, 12345, 100000, 262144):
        content = bytes((index * 7 + index // 251) % 251 for index in range(size))
        (data / f"size-{size}").write_bytes(content)
    (data / "many").mkdir()
    for index in range(1500):
        (data / "many" / f"entry-{index}-{'x' * (index % 40)}").write_bytes(b"")
    (data / "deep/a/b/c/d/e/f").mkdir(parents=True)
    (data / "deep/a/b/c/d/e/f/leaf").write_text("leaf")
    (data / "deep/a/up").symlink_to("../..")
    (data / "few").mkdir()
    for name in ("one", "two", "three"):
        (data / "few" / name).write_text(name)
    (data / "link").symlink_to("size-100")
    (data / "dangling").symlink_to("nowhere")
    (data / "hard-1").write_text("hard links")
    os.link(data / "hard-1", data / "hard-2")
    (data / "program").write_bytes(b"")
    (data / "program").chmod(0o4755)
    (data / "private").write_bytes(b"")
    (data / "private").chmod(0o600)


def copy_tools(out: Path) -> None:
    """The programs of Debian that scripts run, with their libraries and modules."""
    lines = (HERE / "process" / "tools.txt").read_text().splitlines()
    for tool in (word for line in lines if not line.startswith("#") for word in line.split()):
        if Path(tool).exists():
            copy_with_libraries(tool, out)
    for folder in (folder for pattern in MODULES for folder in Path("/").glob(pattern.lstrip("/"))):
        if folder.is_dir() and not (out / folder.relative_to("/")).exists():
            shutil.copytree(folder, out / folder.relative_to("/"), ignore=UNUSED_MODULES, symlinks=True)
            for module in folder.glob("lib-dynload/*.so"):
                copy_with_libraries(str(module), out)


def finish_tree(out: Path, groups: list[str]) -> None:
    """What the programs need beside themselves: libraries, accounts, mount points."""
    copy_with_libraries("/bin/true", out)
    if "process" in groups:
        copy_tools(out)
    musl = Path("/lib/ld-musl-x86_64.so.1")
    if musl.exists():
        shutil.copy2(musl.resolve(), out / "lib" / musl.name)
    if shutil.which("luajit"):
        copy_with_libraries("/usr/bin/luajit", out)
    for folder in ("dev", "proc", "sys", "tmp", "root", "etc", "run"):
        (out / folder).mkdir(exist_ok=True)
    (out / "tmp").chmod(0o1777)
    make_data(out / "tests" / "data")
    (out / "etc" / "passwd").write_text(
        "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
    )
    (out / "etc" / "group").write_text("root:x:0:\nnogroup:x:65534:\n")
    (out / "etc" / "hosts").write_text("127.0.0.1\tlocalhost\n::1\tlocalhost\n")


def make_tree(
    out: Path, pattern: str = "", workers: int = 2, groups: list[str] | None = None
) -> tuple[dict[str, list[dict[str, object]]], list[str]]:
    """Make the tree of an image with all programs that match; what is in its manifest, and complaints."""
    entries, complaints = build(out, pattern, workers, groups)
    finish_tree(out, GROUPS if groups is None else groups)
    bad: list[dict[str, object]] = []
    if (out / "tests/elf/hello-static").exists() and (out / "tests/elf/hello-pie").exists():
        bad = spoil(out)
    manifest = {"cases": entries, "bad": bad}
    (out / "manifest.json").write_text(json.dumps(manifest, indent=1))
    return manifest, complaints


def main() -> int:
    """Build, and with `--native` check that each program is deterministic natively."""
    parser = argparse.ArgumentParser(description="build the guest programs")
    parser.add_argument("out", type=Path)
    parser.add_argument("-k", default="", metavar="REGEX", help="only sources whose area/name matches")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--native", action="store_true", help="run each case natively several times")
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--native-jobs", type=int, default=1, help="cases run natively at once")
    parser.add_argument("--group", action="append", choices=ALL_GROUPS, help="instead of the usual groups")
    options = parser.parse_args()
    out: Path = options.out.resolve()
    manifest, complaints = make_tree(out, options.k, options.jobs, options.group)
    entries = manifest["cases"]
    for text in complaints:
        print(text, file=sys.stderr)
    print(f"{len(entries)} cases, {len(manifest['bad'])} bad programs in {out}", file=sys.stderr)
    if options.native:
        import guest_native  # beside this file

        chosen = [entry for entry in entries if re.search(options.k, str(entry["name"]))]
        return guest_native.check_all(out, chosen, options.times, options.native_jobs) or bool(complaints)
    return bool(complaints)


if __name__ == "__main__":
    raise SystemExit(main())
