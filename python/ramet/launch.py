"""From "run this program of that image" to a VM's directory with its ``config.json``: for the command line and the API.

On the path of every ``ramet run``: imports little, and late.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from ramet import paths, registry
from ramet.errors import HostError, UsageError
from ramet.registry.files import read_object, write_object

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ramet.image import Image
    from ramet.registry import Entry

__all__ = [
    "DEFAULT_MEMORY",
    "check_arguments",
    "check_environment",
    "check_host",
    "parse_size",
    "parse_volume",
    "prepare",
]

#: RAM limit of a VM when neither the caller nor the image gives one.
DEFAULT_MEMORY = 512 << 20
MAX_CLONES = (1 << 32) - 2  # what fits the VMM's configuration

_IMAGE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
# What is needed of an image's metadata.
_FIELDS = {"entrypoint", "cmd", "warmup", "env", "memory", "workdir", "user"}

# `~`: the kernel looks it up in the image's /etc/passwd.
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "~"}


def parse_size(size: int | str) -> int:
    """Bytes from ``256M``, ``1G`` or a number."""
    if isinstance(size, int):
        if size <= 0:
            raise UsageError(f"{size} is not a size of memory")
        return size
    from ramet.image.units import parse_size as parse

    return parse(size)


def parse_volume(volume: str | Mapping[str, Any]) -> dict[str, Any]:
    """One entry of ``volumes`` in the configuration, from ``HOST:GUEST[:ro]`` (or ``:rw``)."""
    if not isinstance(volume, str):
        return dict(volume)
    host, *rest = volume.split(":")
    read_only = False
    if len(rest) == 2 and rest[1] in ("ro", "rw"):
        read_only = rest.pop() == "ro"
    if len(rest) != 1 or not host:
        raise UsageError(f"{volume!r} is not a volume", hint="write HOST:GUEST or HOST:GUEST:ro")
    if not rest[0].startswith("/"):
        raise UsageError(f"{rest[0]!r} is not an absolute path", hint="write HOST:GUEST, GUEST from the root of the VM")
    path = Path(host).expanduser().absolute()
    if not (path.is_dir() or path.is_file()):
        state = "not a directory or a regular file" if path.exists() else "missing"
        raise UsageError(f"{host} is {state}", hint="a volume is a directory or a regular file of the host")
    return {"host": str(path), "guest": rest[0], "read_only": read_only}


def check_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment, if every name and value can be one."""
    for name, value in environment.items():
        if not name or "=" in name or "\0" in name or "\0" in value:
            raise UsageError(f"{name!r} cannot be a variable of the environment")
    return dict(environment)


def check_arguments(args: Sequence[str]) -> None:
    """Raises :class:`UsageError` unless the arguments are a sequence of strings."""
    if isinstance(args, str | bytes):
        raise UsageError(f"{args!r} is not a list of arguments", hint='write ["ls", "-l"], or use shlex.split')
    for argument in args:
        if not isinstance(argument, str) or "\0" in argument:
            raise UsageError(f"{argument!r} cannot be an argument of a program", hint="give strings without NUL")


def check_host() -> tuple[Path, Path]:
    """The VMM and the kernel; raises :class:`HostError` if this host cannot run VMs."""
    vmm = paths.vmm_path()
    kernel = paths.kernel_path()
    # The VMM says what is wrong with /dev/kvm, and knows it better.
    return vmm, kernel


def find_image(reference: str) -> dict[str, Any]:
    """An image of the store, as ``Image.to_json`` has it.

    Looks where a name leads in the store's directory, and leaves everything else (digests, damage, errors) to the store
    itself: importing that takes a third of the time that `ramet run` has.
    """
    if _IMAGE_NAME.fullmatch(reference):
        home = paths.data_home()
        try:
            digest = (home / "names" / reference).read_text().strip()
            directory = home / "images" / digest
            document = read_object(directory / "meta.json") if _DIGEST.fullmatch(digest) else None
            file = directory / "image.erofs"
            if document and file.stat().st_size == document["size"] and document["metadata"].keys() >= _FIELDS:
                return {"name": reference, "digest": digest, "path": str(file), **document["metadata"]}
        except (OSError, KeyError, AttributeError):
            pass
    from ramet.image.store import Store

    return Store().find(reference).to_json()


def prepare(
    image: str | Image,
    args: Sequence[str] = (),
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    user: str | None = None,
    memory: int | str | None = None,
    volumes: Sequence[str | Mapping[str, Any]] = (),
    name: str | None = None,
    hostname: str | None = None,
    timeout: float | None = None,
    max_clones: int | None = None,
    session_memory: int | str | None = None,
    tty: bool = False,
    strace: bool = False,
    patch_syscalls: bool = True,
    detached: bool = False,
    remove: bool = False,
    origin: str = "run",
    warmup: bool = False,
) -> tuple[Entry, list[str]]:
    """Makes the directory of a VM that is to run ``args``, and the command that boots it: ``ramet-vmm run CONFIG``.

    ``args`` replace the image's ``cmd`` and follow its ``entrypoint``. With ``warmup`` and no ``args``, the image's
    warm-up command is run.
    """
    check_arguments(args)
    vmm, kernel = check_host()
    found = find_image(image) if isinstance(image, str) else image.to_json()
    if warmup and not args and found["warmup"]:
        command = list(found["warmup"])
    else:
        command = [*found["entrypoint"], *(args or found["cmd"])]
    if not command:
        raise UsageError(f"image {found['name']} has no default command", hint="say what to run: ramet run IMAGE CMD")
    environment = {**ENVIRONMENT, **found["env"], **check_environment(env or {})}
    if tty:
        environment.setdefault("TERM", os.environ.get("TERM", "xterm"))
    if timeout is not None and timeout <= 0:
        raise UsageError(f"a time limit of {timeout:g} s is over before it begins")
    clones = max_clones if max_clones is not None else found.get("max_clones")
    if clones is not None and clones < 0:
        raise UsageError(f"{clones} processes: a limit is not negative")
    limit = parse_size(memory) if memory is not None else found["memory"] or DEFAULT_MEMORY
    mounts = [parse_volume(volume) for volume in volumes]
    try:
        entry = registry.create(
            name, image=found["name"], image_digest=found["digest"], args=command, origin=origin, remove=remove
        )
        config = entry.directory / "config.json"
        write_object(
            config,
            {
                "id": entry.id,
                "name": entry.name,
                "directory": str(entry.directory),
                "kernel": str(kernel),
                "image": found["path"],
                "memory": limit,
                "args": command,
                "env": [f"{key}={value}" for key, value in environment.items()],
                "cwd": cwd or found["workdir"] or "/",
                "user": user or found["user"] or "0",
                "hostname": hostname or name or entry.id[:12],
                "volumes": mounts,
                "tty": tty,
                "strace": strace,
                "timeout": timeout,
                "patch_syscalls": patch_syscalls,
                "detached": detached,
                **({} if session_memory is None else {"session_memory": parse_size(session_memory)}),
                **({} if clones is None else {"max_clones": min(clones, MAX_CLONES)}),
            },
        )
    except OSError as error:
        raise HostError(
            f"cannot write {error.filename or paths.runtime_home()}: {error.strerror}",
            hint="free some space, or set RAMET_HOME",
        ) from error
    return entry, [str(vmm), "run", str(config)]
