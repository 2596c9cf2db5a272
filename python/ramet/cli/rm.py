"""``ramet rm``."""

from __future__ import annotations

from ramet import registry
from ramet.cli.output import complain
from ramet.errors import RametError, TemplateError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

__all__ = ["configure", "run"]


def configure(parser: ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("-f", "--force", action="store_true", help="end VMs that run; missing ones are no error")
    parser.add_argument("-a", "--all", action="store_true", help="every VM that has ended (with -f: every VM)")
    parser.add_argument("vms", metavar="VM", nargs="*", help="name or id")


def _is_template(reference: str) -> bool:
    try:
        registry.find_any(reference)
    except RametError:
        return False
    return True


def run(options: Namespace) -> int:
    """Removes VMs, as many of them as it can."""
    if not options.vms and not options.all:
        raise UsageError("no VM was named", hint="give names or ids, or -a")
    registry.sweep()
    failed = 0
    for reference in options.vms:
        try:
            registry.remove(registry.find(reference), force=options.force)
        except UsageError:
            raise
        except RametError as error:
            if isinstance(error, LookupError) and _is_template(reference):
                hint = f"`ramet template rm {reference}` removes it"
                complain(TemplateError(f"{reference} is a template, not a VM", hint=hint))
            elif options.force and isinstance(error, LookupError):
                continue
            else:
                complain(error)
            failed = 1
    if options.all:
        for entry in registry.entries():
            if options.force or not entry.status(ask=False).alive:
                try:
                    registry.remove(entry, force=options.force)
                except RametError as error:
                    complain(error)
                    failed = 1
    return failed
