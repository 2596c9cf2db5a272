"""``ramet images`` and ``ramet rmi``."""

from __future__ import annotations

from ramet.cli.output import add_json, age, complain, print_json, print_table, size
from ramet.errors import RametError
from ramet.image import Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

__all__ = ["configure_images", "configure_rmi", "run_images", "run_rmi"]


def configure_images(parser: ArgumentParser) -> None:
    """Adds the options."""
    add_json(parser)


def run_images(options: Namespace) -> int:
    """Lists the images, one line for each name."""
    images = Store().list()
    if options.json:
        print_json([image.to_json() for image in images])
        return 0
    rows = [
        (name, image.digest[:12], size(image.size), age(image.created), " ".join(image.metadata.cmd))
        for image in images
        for name in (image.names or ("",))
    ]
    print_table(("NAME", "DIGEST", "SIZE", "AGE", "COMMAND"), rows)
    return 0


def configure_rmi(parser: ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="name or digest")


def run_rmi(options: Namespace) -> int:
    """Removes images, as many of them as it can. VMs that run keep theirs until they end."""
    store = Store()
    failed = 0
    for reference in options.images:
        try:
            store.remove(reference)
        except RametError as error:
            complain(error)
            failed = 1
    return failed
