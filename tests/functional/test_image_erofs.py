"""The file system of an image: what the guest maps is aligned, owners are recorded whoever builds."""

from __future__ import annotations

import shutil
import stat
import subprocess
import zlib
from pathlib import Path

import pytest

from ramet.errors import ImageError
from ramet.image import erofs
from ramet.image.tree import Tree


def example(tree: Tree) -> None:
    tree.add_directory("/usr/bin")
    tree.add_symlink("/bin", "usr/bin")
    tree.add_file("/bin/setuid", b"program" * 3000, mode=0o4755)
    tree.add_file("/etc/shadow", b"secret", mode=0o000, uid=0, gid=42)
    tree.add_hardlink("/etc/shadow-", "/etc/shadow")
    tree.add_directory("/tmp", mode=0o1777)
    tree.add_file("/empty", b"")
    tree.add_file("/block", bytes(range(256)) * 16)
    tree.add_fifo("/fifo", mode=0o600, uid=5)
    tree.add_file("/strange \u00e9 \udcff name\n", b"x")
    tree.add_symlink("/long", "t" * 3000)
    for number in range(700):
        tree.add_file(f"/many/{'x' * (number % 90)}{number}", b"%d" % number, uid=number, gid=number)


def make(where: Path, fill: object = example) -> Path:
    where.mkdir()
    tree = Tree(where)
    fill(tree)  # type: ignore[operator]
    erofs.make(tree, where / "image.erofs", where)
    return where / "image.erofs"


def test_contents_modes_and_owners(tmp_path: Path) -> None:
    image = make(tmp_path / "a")
    reader = erofs.Reader(image.read_bytes())
    found = dict(reader.walk())
    assert stat.filemode(found["/usr/bin/setuid"].mode) == "-rwsr-xr-x"
    assert reader.read(found["/usr/bin/setuid"]) == b"program" * 3000
    shadow = found["/etc/shadow"]
    assert (stat.S_IMODE(shadow.mode), shadow.uid, shadow.gid) == (0, 0, 42)
    assert found["/etc/shadow-"].nid == shadow.nid
    assert stat.filemode(found["/tmp"].mode) == "drwxrwxrwt"
    assert stat.filemode(found["/fifo"].mode) == "prw-------" and found["/fifo"].uid == 5
    assert reader.read(found["/bin"]) == b"usr/bin"
    assert reader.read(found["/long"]) == b"t" * 3000
    assert reader.read(found["/strange \u00e9 \udcff name\n"]) == b"x"
    many = [path for path in found if path.startswith("/many/")]
    assert len(many) == 700
    assert all(found[path].uid == int(reader.read(found[path])) for path in many)


def test_files_can_be_mapped(tmp_path: Path) -> None:
    """The guest maps file pages straight from the image: whole blocks, and zeros behind the end of the file."""
    image = make(tmp_path / "a")
    data = image.read_bytes()
    reader = erofs.Reader(data)
    assert len(data) % erofs.BLOCK == 0
    for _, inode in reader.walk():
        if stat.S_ISREG(inode.mode) and inode.size:
            assert inode.layout == 0
            end = inode.data + inode.size
            assert not any(data[end : inode.data + -(-inode.size // erofs.BLOCK) * erofs.BLOCK])


def test_equal_trees_give_equal_images(tmp_path: Path) -> None:
    assert make(tmp_path / "a").read_bytes() == make(tmp_path / "b").read_bytes()


def test_large_owner_numbers(tmp_path: Path) -> None:
    def fill(tree: Tree) -> None:
        tree.add_file("/f", b"x", uid=4_000_000_000, gid=100_000)

    reader = erofs.Reader(make(tmp_path / "a", fill).read_bytes())
    inode = dict(reader.walk())["/f"]
    assert (inode.uid, inode.gid) == (4_000_000_000, 100_000)


def test_fsck_agrees(tmp_path: Path) -> None:
    image = make(tmp_path / "a")
    fsck = shutil.which("fsck.erofs", path="/usr/bin:/usr/sbin:/sbin")
    assert fsck is not None
    done = subprocess.run(
        [fsck, f"--extract={tmp_path / 'out'}", "--no-preserve", image], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/block").read_bytes() == bytes(range(256)) * 16


def test_a_damaged_image_is_refused(tmp_path: Path) -> None:
    data = bytearray(make(tmp_path / "a").read_bytes())
    with pytest.raises(ImageError):
        erofs.Reader(bytes(100))
    with pytest.raises(ImageError):
        erofs.Reader(bytes(100_000))
    for cut in (2000, 5000, 9000):
        with pytest.raises(ImageError):
            for _, inode in erofs.Reader(bytes(data[:cut])).walk():
                erofs.Reader(bytes(data[:cut])).read(inode)


def test_checksum_is_castagnolis() -> None:
    # RFC 3720, B.4, without the final inversion.
    assert erofs._crc32c(bytes(32)) ^ 0xFFFFFFFF == 0x8A9136AA
    assert erofs._crc32c(b"123456789") ^ 0xFFFFFFFF == 0xE3069283
    assert zlib.crc32(b"123456789") != 0xE3069283


def test_large_programs_lie_at_boundaries_of_2_mib(tmp_path: Path) -> None:
    """Their text is then shown to the program with one entry for each 2 MiB; everything else stays where it is."""
    program = b"\x7fELF" + bytes(range(251)) * 20_000
    small, data = program[:100_000], program[1:]

    def fill(tree: Tree) -> None:
        for name in ("a", "b"):
            tree.add_file(f"/bin/{name}", program + name.encode())
        tree.add_hardlink("/bin/c", "/bin/a")
        tree.add_file("/bin/small", small)
        tree.add_file("/data", data)

    image = make(tmp_path / "a", fill)
    reader = erofs.Reader(image.read_bytes())
    found = dict(reader.walk())
    for name in ("a", "b"):
        inode = found[f"/bin/{name}"]
        assert inode.data % (2 << 20) == 0
        assert reader.read(inode) == program + name.encode()
    assert found["/bin/c"].data == found["/bin/a"].data
    assert reader.read(found["/bin/small"]) == small
    assert reader.read(found["/data"]) == data
    places = sorted((inode.data, inode.nid) for inode in found.values() if stat.S_ISREG(inode.mode))
    assert len({place for place, _ in places}) == 4
    if fsck := shutil.which("fsck.erofs"):
        subprocess.run([fsck, image], check=True, capture_output=True)
    assert make(tmp_path / "b", fill).read_bytes() == image.read_bytes()
