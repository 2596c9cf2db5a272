"""``ramet build``."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from ramet.cli.options import environment
from ramet.cli.output import add_json, print_json, size
from ramet.errors import UsageError
from ramet.image import Spec, build
from ramet.image.progress import Step
from ramet.image.spec import CopySource
from ramet.image.units import parse_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

__all__ = ["configure", "run"]


def configure(parser: ArgumentParser) -> None:
    """Adds the options."""
    add = parser.add_argument
    add("spec", metavar="SPEC.toml", nargs="?", help="build specification; the options add to it")
    add("-t", "--tag", metavar="NAME", help="name of the image")
    add("--package", metavar="DEB", action="append", default=[], help="a Debian package, with what it depends on")
    add("--pip", metavar="PKG", action="append", default=[], help="a Python package, with what it depends on")
    add("--dir", metavar="SRC:DST", action="append", default=[], help="a file or directory of the host")
    add("--oci", metavar="REF|DIR", help="an OCI image: layout directory, archive or registry reference")
    add("--env", "-e", metavar="K=V", action="append", default=[], help="set a variable")
    add("--workdir", "-w", metavar="DIR", help="working directory")
    add("--user", "-u", metavar="USER", help="user that programs run as")
    add("--memory", "-m", metavar="SIZE", help="limit of RAM")
    add("--entrypoint", metavar="COMMAND", help="what every command line begins with (split as a shell does)")
    add("--cmd", metavar="COMMAND", help="what runs when nothing is said (split as a shell does)")
    add_json(parser)


def run(options: Namespace) -> int:
    """Builds; prints the digest."""
    if not options.spec and not options.tag:
        raise UsageError("there is nothing to build", hint="give a SPEC.toml, or -t NAME and what goes into it")
    spec = Spec.from_toml(options.spec) if options.spec else Spec()
    if options.tag:
        spec.name = options.tag
    spec.packages += options.package
    spec.pip += options.pip
    spec.files += [CopySource.parse(item, Path.cwd()) for item in options.dir]
    spec.env.update(environment(options.env))
    for name in ("oci", "workdir", "user"):
        if getattr(options, name) is not None:
            setattr(spec, name, getattr(options, name))
    if options.memory is not None:
        spec.memory = parse_size(options.memory)
    if options.entrypoint is not None:
        spec.entrypoint = shlex.split(options.entrypoint)
    if options.cmd is not None:
        spec.cmd = shlex.split(options.cmd)
    spec.__post_init__()  # the options are checked as the file was
    image = build(spec, _Reporter())
    if options.json:
        print_json(image.to_json())
    else:
        print(image.digest)
        print(f"built {image.name}: {size(image.size)}", file=sys.stderr)
    return 0


class _Reporter:
    """Progress on standard error: one line that is rewritten on a terminal, else one line a stage."""

    def __init__(self) -> None:
        self._stage = ""
        self._terminal = sys.stderr.isatty()

    def __call__(self, step: Step) -> None:
        if self._terminal:
            share = f" {100 * step.done // step.total} %" if step.total else ""
            line = f"{step.stage}{share} {step.detail}"[:100]
            end = "\n" if step.stage == "done" else ""
            print(f"\r\033[K{line}", end=end, file=sys.stderr, flush=True)
        elif step.stage != self._stage:
            print(step.stage, file=sys.stderr)
        self._stage = step.stage
