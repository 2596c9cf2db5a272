"""From a specification to an image in the store.

::

    OCI layers → Debian packages → wheels → files → links → defaults → bytecode → loader's cache → EROFS → store

Everything happens in one directory beside the store, which is gone at the end whatever happens.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from ramet.errors import ImageNotFound, ImageSpecError
from ramet.image import apt, bytecode, debian, erofs, guest, ldcache, oci, wheels
from ramet.image.metadata import Metadata
from ramet.image.progress import Progress, Step, quiet
from ramet.image.spec import Spec
from ramet.image.store import Image, Store
from ramet.image.tree import Tree

__all__ = ["build"]

# Part of what an image is known to be built from: raise it when the same specification gives another image.
_VERSION = 3
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def build(spec: Spec, progress: Progress | None = None, *, store: Store | None = None) -> Image:
    """Builds the image, or finds that it is there already.

    The same inputs give the same digest, for root and for an ordinary user. Raises `BuildError` (what went wrong with
    the build), `ImageSpecError` (with the specification) or `HostError` (a program is missing); nothing is left behind.
    """
    report = progress or quiet
    store = store or Store()
    if not (spec.packages or spec.pip or spec.files or spec.oci):
        raise ImageSpecError(
            "the specification names nothing to put into the image", hint="give packages, files, pip or oci"
        )
    packages = apt.closure(spec.packages, report)
    inputs = _inputs(spec, packages)
    known = _known(store, spec, inputs)
    if known is not None:
        report(Step("done", "it was there already"))
        return known
    with store.staging() as staging:
        tree = Tree(staging)
        metadata, complete = _assemble(tree, spec, packages, staging, report)
        report(Step("writing the file system"))
        erofs.make(tree, staging / "image.erofs", staging)
        image = store.put(staging, metadata, name=spec.name, inputs=inputs if complete else "")
    report(Step("done"))
    return image


def _known(store: Store, spec: Spec, inputs: str) -> Image | None:
    """The image, under its new name, if it has been built from the same inputs."""
    known = store.find_inputs(inputs)
    if known is None or spec.name is None:
        return known
    try:
        return store.tag(known.digest, spec.name)
    except ImageNotFound:  # removed in this moment
        return None


def _inputs(spec: Spec, packages: list[apt.Package]) -> str:
    """A digest of all that goes into the image, or "" where that is only known once it is built."""
    if spec.pip or spec.oci or spec.files:
        return ""
    document = {
        "version": _VERSION,
        "guest": guest.fingerprint(),
        "packages": [package.sha256 for package in packages],
        "spec": {key: value for key, value in vars(spec).items() if key != "name"},
    }
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def _assemble(
    tree: Tree, spec: Spec, packages: list[apt.Package], staging: Path, report: Progress
) -> tuple[Metadata, bool]:
    """Fills the tree; returns what the image says of itself, and whether another host would make the same."""
    sources: list[str] = []
    base = oci.Config("", {"PATH": _PATH}, [], [], "/", "0", {})
    pip: dict[str, str] = {}
    if spec.oci is not None:
        layout = oci.fetch(spec.oci, staging, report)
        base = oci.apply(tree, layout, spec.oci, report)
        sources.append(f"oci:{base.digest}")
    if packages:
        debian.install(tree, packages, report)
        sources += [f"deb:{name}" for name in sorted(spec.packages)]
    if spec.pip:
        pip = wheels.install(tree, spec.pip, staging, report)
        sources += [f"pip:{name}" for name in sorted(spec.pip)]
    for item in spec.files:
        report(Step("copying files", str(item.source)))
        if not item.source.exists():
            raise ImageSpecError(f"{item.source} is to be copied into the image, and does not exist")
        tree.copy_in(item.source, item.target)
        sources.append(f"dir:{item.target}")
    for path, target in sorted(spec.links.items()):
        tree.add_symlink(path, target)
    debian.finish(tree)
    guest.install(tree)
    complete = bytecode.compile_python(tree, staging, report)
    if packages or not tree.exists("/etc/ld.so.cache"):
        ldcache.write(tree)
    env = {**base.env, **spec.env}
    env.setdefault("PATH", _PATH)
    # As in a Dockerfile: a new entry point does not take the old one's arguments.
    inherited = base.cmd if spec.entrypoint is None else []
    metadata = Metadata(
        env=dict(sorted(env.items())),
        workdir=spec.workdir or base.workdir,
        entrypoint=base.entrypoint if spec.entrypoint is None else spec.entrypoint,
        cmd=inherited if spec.cmd is None else spec.cmd,
        user=spec.user or base.user,
        memory=spec.memory,
        max_clones=spec.max_clones,
        warmup=spec.warmup,
        labels=dict(sorted({**base.labels, **spec.labels}.items())),
        packages={package.name: package.version for package in packages},
        pip=pip,
        sources=sources,
    )
    return metadata, complete
