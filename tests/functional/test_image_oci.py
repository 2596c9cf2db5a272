"""OCI images: layouts and archives, layers, configurations; damaged and hostile ones."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
import stat
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from ramet.errors import BuildError, HostError, RametError
from ramet.image import Spec, Store, build, erofs


class Layout:
    """Writes an OCI layout."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "blobs/sha256").mkdir(parents=True)
        (root / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')

    def blob(self, data: bytes, kind: str) -> dict[str, Any]:
        digest = hashlib.sha256(data).hexdigest()
        (self.root / "blobs/sha256" / digest).write_bytes(data)
        return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(data)}

    def layer(self, files: dict[str, bytes | str], *, pack: Any = gzip.compress, uid: int = 0) -> dict[str, Any]:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as archive:
            for name, content in files.items():
                info = tarfile.TarInfo(name)
                info.uid = uid
                if isinstance(content, str):
                    info.type, info.linkname = tarfile.SYMTYPE, content
                    archive.addfile(info)
                else:
                    info.size, info.mode = len(content), 0o755
                    archive.addfile(info, io.BytesIO(content))
        return self.blob(pack(out.getvalue()), "application/vnd.oci.image.layer.v1.tar+gzip")

    def image(self, layers: list[dict[str, Any]], config: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        document = {"architecture": "amd64", "os": "linux", "config": config or {}, **more}
        described = self.blob(json.dumps(document).encode(), "application/vnd.oci.image.config.v1+json")
        manifest = {"schemaVersion": 2, "config": described, "layers": layers}
        return self.blob(json.dumps(manifest).encode(), "application/vnd.oci.image.manifest.v1+json")

    def index(self, *manifests: dict[str, Any]) -> Path:
        (self.root / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": manifests}))
        return self.root


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "layout")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


CONFIG = {
    "Env": ["PATH=/opt/bin", "A=1=2"],
    "Entrypoint": ["/bin/app"],
    "Cmd": ["--serve"],
    "WorkingDir": "/srv",
    "User": "1000:1000",
    "Labels": {"maintainer": "somebody"},
}


def example(layout: Layout) -> Path:
    base = layout.layer({"bin/app": b"old", "etc/gone": b"x", "srv/data": b"1"}, uid=1000)
    top = layout.layer({"bin/app": b"new", "etc/.wh.gone": b"", "link": "/srv"}, pack=lambda data: data)
    return layout.index(layout.image([base, top], CONFIG))


def test_layout_directory(layout: Layout, store: Store) -> None:
    image = build(Spec(name="oci", oci=str(example(layout))), store=store)
    reader = erofs.Reader(image.erofs.read_bytes())
    found = dict(reader.walk())
    assert reader.read(found["/bin/app"]) == b"new"
    assert "/etc/gone" not in found
    assert found["/srv/data"].uid == 1000 and stat.S_ISLNK(found["/link"].mode)
    about = image.metadata
    assert (
        about.env == {"A": "1=2", "PATH": "/opt/bin"} and about.entrypoint == ["/bin/app"] and about.cmd == ["--serve"]
    )
    assert about.workdir == "/srv" and about.user == "1000:1000" and about.labels == {"maintainer": "somebody"}
    assert about.sources[0].startswith("oci:sha256:")


def test_the_specification_overrides_the_configuration(layout: Layout, store: Store) -> None:
    spec = Spec(oci=str(example(layout)), entrypoint=["/bin/other"], env={"A": "3"}, workdir="/", user="0")
    about = build(spec, store=store).metadata
    assert about.entrypoint == ["/bin/other"] and about.cmd == []
    assert about.env == {"A": "3", "PATH": "/opt/bin"} and about.workdir == "/" and about.user == "0"


def test_archive_gives_the_same_image(layout: Layout, store: Store, tmp_path: Path) -> None:
    root = example(layout)
    for name, mode in (("plain.tar", "w"), ("packed.tar.gz", "w:gz")):
        with tarfile.open(tmp_path / name, mode) as archive:  # type: ignore[call-overload]
            archive.add(root, ".")
    digests = {build(Spec(oci=str(path)), store=store).digest for path in (root, *tmp_path.glob("*.tar*"))}
    assert len(digests) == 1


def test_skopeo_reads_what_the_tests_write(layout: Layout, tmp_path: Path) -> None:
    assert shutil.which("skopeo"), "skopeo is missing: make setup installs it"
    command = ["skopeo", "copy", "--insecure-policy", f"oci:{example(layout)}", f"oci-archive:{tmp_path / 'out.tar'}"]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    image = build(Spec(oci=str(tmp_path / "out.tar")), store=Store(tmp_path / "store"))
    assert image.metadata.entrypoint == ["/bin/app"]


def test_zstandard_layer(layout: Layout, store: Store) -> None:
    if shutil.which("zstd") is None:
        with pytest.raises(HostError, match="zstd"):
            build(Spec(oci=str(_zstandard(layout, b"\x28\xb5\x2f\xfd"))), store=store)
        return

    def pack(data: bytes) -> bytes:
        return subprocess.run(["zstd", "-q"], input=data, capture_output=True, check=True).stdout

    root = layout.index(layout.image([layout.layer({"f": b"zstandard"}, pack=pack)]))
    reader = erofs.Reader(build(Spec(oci=str(root)), store=store).erofs.read_bytes())
    assert reader.read(dict(reader.walk())["/f"]) == b"zstandard"
    with pytest.raises(BuildError):
        build(Spec(oci=str(_zstandard(Layout(layout.root.parent / "broken"), pack(b"x" * 9999)[:20]))), store=store)


def _zstandard(layout: Layout, data: bytes) -> Path:
    return layout.index(layout.image([layout.blob(data, "application/vnd.oci.image.layer.v1.tar+zstd")]))


def test_the_right_platform_is_chosen(layout: Layout, store: Store) -> None:
    images = []
    for machine in ("arm64", "amd64", "unknown"):
        image = layout.image([layout.layer({"machine": machine.encode()})], architecture=machine)
        images.append(
            {**image, "platform": {"os": "linux" if machine != "unknown" else "unknown", "architecture": machine}}
        )
    nested = layout.blob(json.dumps({"manifests": images}).encode(), "application/vnd.oci.image.index.v1+json")
    reader = erofs.Reader(build(Spec(oci=str(layout.index(nested))), store=store).erofs.read_bytes())
    assert reader.read(dict(reader.walk())["/machine"]) == b"amd64"


def broken(layout: Layout, case: str) -> Path:
    good = layout.layer({"f": b"x" * 10000})
    blob = layout.root / "blobs/sha256" / str(good["digest"])[7:]
    if case == "damaged":
        blob.write_bytes(blob.read_bytes()[:-1] + b"!")
    elif case == "missing":
        blob.unlink()
    elif case == "cut":
        good = layout.blob(blob.read_bytes()[:40], "layer")
    elif case == "traversal":
        good = {"digest": "sha256:../../../../etc/passwd"}
    elif case == "no digest":
        good = {}
    elif case == "escape":
        good = layout.layer({"../../etc/planted": b"x"})
    elif case == "two":
        return layout.index(layout.image([good]), layout.image([]))
    elif case == "none":
        return layout.index()
    elif case == "not json":
        (layout.root / "index.json").write_text("{")
        return layout.root
    elif case == "deep json":
        (layout.root / "index.json").write_text("[" * 100_000)
        return layout.root
    elif case == "no index":
        return layout.root
    elif case == "architecture":
        return layout.index(layout.image([good], architecture="arm64"))
    elif case == "layers":
        return layout.index(layout.blob(json.dumps({"config": good, "layers": 7}).encode(), "manifest"))
    elif case == "loop":
        inner = layout.blob(b'{"manifests": []}', "index")
        for _ in range(6):
            inner = layout.blob(json.dumps({"manifests": [inner]}).encode(), "index")
        return layout.index(inner)
    return layout.index(layout.image([good]))


CASES = [
    *("damaged", "missing", "cut", "traversal", "no digest", "escape", "two", "none", "not json", "deep json"),
    *("no index", "architecture", "layers", "loop"),
]


@pytest.mark.parametrize("case", CASES)
def test_broken_layouts_are_refused(layout: Layout, store: Store, case: str) -> None:
    with pytest.raises(BuildError) as raised:
        build(Spec(name="x", oci=str(broken(layout, case))), store=store)
    assert "\n" not in str(raised.value)
    assert store.list() == [] and [entry.name for entry in store.images.iterdir()] == [".lock"]


def test_registries_need_skopeo(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(HostError, match="apt-get install skopeo"):
        build(Spec(oci="docker.io/library/busybox"), store=store)


def test_what_cannot_be_fetched(store: Store) -> None:
    with pytest.raises(RametError, match="could not be fetched"):
        build(Spec(oci="docker://localhost:1/nothing"), store=store)
    with pytest.raises(RametError, match="does not exist"):
        build(Spec(oci="./nothing"), store=store)
    with pytest.raises(RametError, match="neither a path nor"):
        build(Spec(oci="--help"), store=store)
    assert store.list() == []
