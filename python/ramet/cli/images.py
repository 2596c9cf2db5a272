"""``ramet images`` and ``ramet rmi``."""

from __future__ import annotations

from ramet import registry
from ramet.cli.output import add_json, age, complain, print_json, print_table, size
from ramet.errors import ImageError, RametError
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
    parser.add_argument("-f", "--force", action="store_true", help="also images that VMs use")
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="name or digest")


def _check_unused(store: Store, reference: str, used: dict[str, str]) -> None:
    for image in store.list():
        last = set(image.names) <= {reference} if reference in image.names else image.digest.startswith(reference)
        if last and image.digest in used:
            raise ImageError(
                f"image {reference} is used by VM {used[image.digest]}", hint="end the VM, or force it with -f"
            )


def run_rmi(options: Namespace) -> int:
    """Removes images, as many of them as it can. What a VM uses stays, unless it is forced."""
    store = Store()
    used: dict[str, str] = {}
    if not options.force:
        used = {str(e.record.get("image_digest")): e.name for e in registry.entries() if e.status(ask=False).alive}
    failed = 0
    for reference in options.images:
        try:
            _check_unused(store, reference, used)
            store.remove(reference)
        except RametError as error:
            complain(error)
            failed = 1
    return failed
