"""The tree of an image under construction: paths are resolved inside it, whatever links and archives say."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ramet.errors import BuildError
from ramet.image import tarball
from ramet.image.tree import Directory, Regular, Symlink, Tree


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    (tmp_path / "scratch").mkdir()
    yield Tree(tmp_path / "scratch")
    # Whatever the test did, nothing of it is outside of the scratch directory.
    assert {entry.name for entry in tmp_path.iterdir()} <= {"scratch", "source"}


def archive(*members: tuple[str, object], kind: str = "w") -> io.BytesIO:
    """A tar archive of (name, content): bytes a file, str a symbolic link, None a directory, a tuple a hard link."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=kind) as stream:
        for name, content in members:
            info = tarfile.TarInfo(name)
            data = b""
            if isinstance(content, bytes):
                data, info.mode = content, 0o640
                info.size = len(content)
            elif isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
            elif isinstance(content, tuple):
                info.type, info.linkname = tarfile.LNKTYPE, content[0]
            else:
                info.type, info.mode = tarfile.DIRTYPE, 0o755
            stream.addfile(info, io.BytesIO(data))
    out.seek(0)
    return out


def test_links_are_followed_inside(tree: Tree) -> None:
    tree.add_symlink("/bin", "usr/bin")
    tree.add_directory("/usr/bin")
    tree.add_file("/bin/sh", b"shell")
    assert tree.read("/usr/bin/sh") == b"shell"
    tree.add_symlink("/etc/escape", "../../../../../etc")
    tree.add_symlink("/etc/absolute", "/usr/bin/sh")
    assert isinstance(tree.get("/etc/escape"), Directory)
    assert tree.read("/etc/escape/absolute") == b"shell"
    assert tree.read("/etc/escape/passwd") is None


def test_loops_and_depth_are_refused(tree: Tree) -> None:
    tree.add_symlink("/a", "b")
    tree.add_symlink("/b", "a")
    assert tree.get("/a/x") is None
    with pytest.raises(BuildError, match="loop"):
        tree.add_file("/a/x", b"")
    with pytest.raises(BuildError, match="directories deep"):
        tree.add_file("/d" * 300, b"")
    with pytest.raises(BuildError, match="longer than 255"):
        tree.add_file("/" + "n" * 256, b"")


def test_a_link_that_deepens_itself_stays_bounded(tree: Tree) -> None:
    base = "/d" * 200
    tree.add_directory(base)
    tree.add_symlink("/deep", base)
    with pytest.raises(BuildError, match="directories deep"):
        tree.add_file("/deep" + "/e" * 100, b"")


def test_directories_and_files_do_not_replace_each_other(tree: Tree) -> None:
    tree.add_file("/d/x", b"1")
    with pytest.raises(BuildError, match="is a directory"):
        tree.add_file("/d", b"")
    with pytest.raises(BuildError, match="not a directory"):
        tree.add_file("/d/x/y", b"")
    with pytest.raises(BuildError, match="root directory"):
        tree.add_file("/", b"")


def test_limit(tmp_path: Path) -> None:
    tree = Tree(tmp_path, limit=1000)
    tree.add_file("/a", bytes(900))
    with pytest.raises(BuildError, match="more than"):
        tree.add_file("/b", bytes(101))


def test_fingerprint_sees_everything(tmp_path: Path) -> None:
    def fingerprint(number: int, change: str = "") -> bytes:
        (tmp_path / str(number)).mkdir()
        tree = Tree(tmp_path / str(number))
        tree.add_file("/f", b"2" if change == "content" else b"1", mode=0o600 if change == "mode" else 0o644)
        tree.add_directory("/d", uid=1 if change == "owner" else 0)
        tree.add_symlink("/l", "g" if change == "target" else "f")
        if change == "link":
            tree.add_hardlink("/h", "/f")
        else:
            tree.add_file("/h", b"1")
        return tree.fingerprint()

    plain = fingerprint(0)
    assert fingerprint(1) == plain
    others = {
        fingerprint(2 + number, change) for number, change in enumerate(["content", "mode", "owner", "target", "link"])
    }
    assert len(others) == 5 and plain not in others


def test_copy_from_the_host(tree: Tree, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / "sub/program").write_bytes(b"#!/bin/sh\n")
    (source / "sub/program").chmod(0o755)
    (source / "link").symlink_to("sub")
    (source / "dangling").symlink_to("/nowhere")
    os.link(source / "sub/program", source / "again")
    os.mkfifo(source / "fifo")
    tree.copy_in(source, "/app")
    program = tree.get("/app/sub/program")
    assert isinstance(program, Regular) and program.mode == 0o755 and program.uid == 0
    assert tree.get("/app/again", follow=False) is program
    link = tree.get("/app/dangling", follow=False)
    assert isinstance(link, Symlink) and link.target == "/nowhere"
    tree.copy_in(source / "sub/program", "/app/")
    assert tree.read("/app/program") == b"#!/bin/sh\n"
    tree.copy_in(source / "sub/program", "/renamed")
    assert tree.read("/renamed") == b"#!/bin/sh\n"


def test_copy_refuses_devices(tree: Tree) -> None:
    with pytest.raises(BuildError, match="neither a file nor a directory"):
        tree.copy_in(Path("/dev/null"), "/x")


@pytest.mark.parametrize(
    "members",
    [
        [("../escape", b"x")],
        [("/etc/passwd", b"x")],
        [("a/../../b", b"x")],
        [("link", "/etc"), ("hard", ("../../etc/passwd",))],
        [("hard", ("not/there",))],
        [("file", b""), ("file/below", b"")],
    ],
)
def test_hostile_archives_are_refused(tree: Tree, members: list[tuple[str, object]]) -> None:
    with pytest.raises(BuildError):
        tarball.unpack(tree, archive(*members), origin="hostile")


def test_a_link_out_of_the_archive_leads_nowhere(tree: Tree) -> None:
    tarball.unpack(tree, archive(("out", "/etc"), ("out/planted", b"x")), origin="archive")
    assert tree.read("/etc/planted") == b"x"  # the image's /etc
    assert not Path("/etc/planted").exists()


def test_cut_short_or_no_archive_at_all(tree: Tree) -> None:
    whole = archive(("file", os.urandom(5000))).getvalue()
    for data in (whole[:3000], b"no archive" * 100, archive(kind="w:gz").getvalue()[:15]):
        with pytest.raises(BuildError, match="not a whole tar archive"):
            tarball.unpack(tree, io.BytesIO(data), origin="broken")


def test_absurd_headers_are_not_read(tree: Tree) -> None:
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 8 << 30
    with pytest.raises(BuildError, match="extended header"):
        tarball.unpack(tree, io.BytesIO(info.tobuf(tarfile.GNU_FORMAT) + bytes(10240)), origin="hostile")


def test_devices_are_left_out(tree: Tree) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as stream:
        for name, kind in (("null", tarfile.CHRTYPE), ("disk", tarfile.BLKTYPE), ("pipe", tarfile.FIFOTYPE)):
            info = tarfile.TarInfo(f"dev/{name}")
            info.type = kind
            stream.addfile(info)
    out.seek(0)
    tarball.unpack(tree, out, origin="archive")
    assert tree.listdir("/dev") == ["pipe"]


def test_layers_hide_what_was_below(tree: Tree) -> None:
    lower = archive(("d/a", b"1"), ("d/b", b"1"), ("e/c", b"1"), ("e/sub/d", b"1"), ("f", b"1"), ("g/x", b"1"))
    upper = archive(
        ("d/.wh.a", b""),
        ("e/kept", b"2"),
        ("e/.wh..wh..opq", b""),
        (".wh.f", b""),
        ("g", b"now a file"),
        ("d/new/deep", b"2"),
        ("d/.wh.new", b""),
    )
    tarball.unpack(tree, lower, origin="lower", layer=True)
    tarball.unpack(tree, upper, origin="upper", layer=True)
    found = {path for path, node in tree.walk() if isinstance(node, Regular)}
    assert found == {"/d/b", "/d/new/deep", "/e/kept", "/g"}
    with pytest.raises(BuildError, match="names no file"):
        tarball.unpack(tree, archive((".wh...", b"")), origin="hostile", layer=True)
