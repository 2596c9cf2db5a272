"""``ramet inspect``."""

from __future__ import annotations

from ramet import registry
from ramet.cli.describe import describe
from ramet.cli.output import add_json, print_json
from ramet.errors import ImageNotFound, VMNotFound
from ramet.registry import history
from ramet.registry.files import read_object

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from typing import Any

    from ramet.registry import Entry

__all__ = ["configure", "run"]


def configure(parser: ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("thing", metavar="IMAGE|VM|TEMPLATE", help="name, id or digest; a VM or template comes first")
    parser.add_argument("--removed", action="store_true", help="of a VM that was removed, what is remembered")
    add_json(parser)  # it is JSON anyway


def run(options: Namespace) -> int:
    """Prints the JSON object, whose `kind` is `vm`, `template`, `image`, or `removed` of a VM that is remembered."""
    print_json(_vm(options.thing) or _image(options.thing, removed=options.removed))
    return 0


def _vm(reference: str) -> dict[str, Any] | None:
    try:
        entry = registry.find_any(reference)
    except VMNotFound:
        return None
    status = entry.status()
    return {
        "kind": "template" if status.state == "frozen" else "vm",
        **describe(entry, status),
        "processes": _processes(entry) if status.state in ("running", "paused") else [],
        "syscalls": (status.info or {}).get("syscalls"),
        "config": read_object(entry.directory / "config.json"),
    }


def _processes(entry: Entry) -> list[dict[str, Any]]:
    from ramet.errors import RametError
    from ramet.process import processes

    try:
        return processes(entry)
    except RametError:  # it ends just now
        return []


def _image(reference: str, *, removed: bool) -> dict[str, Any]:
    from ramet.image import Store

    try:
        return {"kind": "image", **Store().find(reference).to_json()}
    except ImageNotFound as error:
        remembered = history.lookup(reference) if removed else None
        if remembered is not None:
            return {"kind": "removed", **remembered}
        raise VMNotFound(
            f"no VM, template or image named {reference!r}",
            hint="`ramet ps -a`, `ramet template ls` and `ramet images` list them",
        ) from error
