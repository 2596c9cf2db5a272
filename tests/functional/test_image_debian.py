"""Images from Debian packages: the closure, what maintainer scripts would do, the same digest for every builder."""

from __future__ import annotations

import itertools
import os
import shutil
import stat
import subprocess
import textwrap
from pathlib import Path

import pytest

import ramet
from ramet import paths
from ramet.errors import BuildError, HostError
from ramet.image import Spec, Store, apt, build, debian, erofs, ldcache
from ramet.image.progress import Step, quiet
from ramet.image.tree import Tree


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    (tmp_path / "scratch").mkdir()
    return Tree(tmp_path / "scratch")


def test_a_small_package(store: Store) -> None:
    steps: list[Step] = []
    image = build(
        Spec(name="busybox", packages=["busybox-static"], links={"/bin/ls": "busybox"}), steps.append, store=store
    )
    assert set(image.metadata.packages) == {"busybox-static"}
    reader = erofs.Reader(image.erofs.read_bytes())
    found = dict(reader.walk())
    assert reader.read(found["/usr/bin/busybox"])[:4] == b"\x7fELF"
    assert reader.read(found["/bin"]) == b"usr/bin" and reader.read(found["/usr/bin/ls"]) == b"busybox"
    assert reader.read(found["/usr/bin/sh"]) == b"busybox"
    assert b"nobody:x:65534" in reader.read(found["/etc/passwd"]) and b"nogroup:x:65534:" in reader.read(
        found["/etc/group"]
    )
    assert b"Package: busybox-static\nStatus: install ok installed\n" in reader.read(found["/var/lib/dpkg/status"])
    assert b"/bin/busybox\n" in reader.read(found["/var/lib/dpkg/info/busybox-static.list"])
    assert "/usr/share/doc/busybox-static/copyright" in found
    assert not any(path.startswith("/usr/share/man/") for path in found)
    assert stat.S_IMODE(found["/tmp"].mode) == 0o1777 and stat.S_IMODE(found["/root"].mode) == 0o700
    assert image.size < 4 << 20
    assert {step.stage for step in steps} >= {
        "resolving packages",
        "unpacking packages",
        "writing the file system",
        "done",
    }


def test_what_is_there_already_is_not_built_again(store: Store) -> None:
    spec = Spec(name="a", packages=["busybox-static"])
    first = build(spec, store=store)
    steps: list[Step] = []
    again = build(Spec(name="b", packages=["busybox-static"]), steps.append, store=store)
    assert again.digest == first.digest and again.name == "b"
    assert "unpacking packages" not in {step.stage for step in steps}
    other = build(Spec(name="c", packages=["busybox-static"], env={"X": "1"}), store=store)
    assert other.digest != first.digest


def test_an_ordinary_user_builds_the_same(store: Store, tmp_path: Path) -> None:
    """Owners, modes and bytes are those that root gets; passwd has setgid programs of another group."""
    spec = {"packages": ["bash", "passwd"]}
    expected = build(Spec(**spec), store=store)  # type: ignore[arg-type]
    reader = erofs.Reader(expected.erofs.read_bytes())
    found = dict(reader.walk())
    assert stat.filemode(found["/usr/bin/passwd"].mode) == "-rwsr-xr-x"
    assert found["/usr/bin/chage"].gid == 42 and stat.filemode(found["/usr/bin/chage"].mode) == "-rwxr-sr-x"
    # The other builder has the packages already, and nothing else: as nobody if we are root, with another Python,
    # another umask and another directory.
    home = tmp_path / "home"
    debs = home / "cache/debs"
    debs.mkdir(parents=True)
    for package in apt.closure(["bash", "passwd"], quiet):
        shutil.copy(package.path, debs)
    become: list[str] = []
    if os.geteuid() == 0:
        subprocess.run(["chown", "-R", "65534:65534", home], check=True)
        for parent in tmp_path.parents[:2]:
            parent.chmod(0o755)
        tmp_path.chmod(0o755)
        become = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    script = f"""
        import os, sys
        os.umask(0o077)
        sys.path.insert(0, {str(Path(ramet.__file__).parents[1])!r})
        from ramet.image import Spec, build
        print(build(Spec(packages=["passwd", "bash"])).digest)
    """
    done = subprocess.run(
        [*become, "/usr/bin/python3", "-B", "-c", textwrap.dedent(script)],
        env={"RAMET_HOME": str(home), "PATH": "/usr/bin:/bin"},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.stdout.strip() == expected.digest, done.stderr


@pytest.mark.parametrize("name", ["no-such-package-at-all", "bash=0.0.1"])
def test_unknown_packages(store: Store, name: str) -> None:
    with pytest.raises(BuildError) as raised:
        build(Spec(name="x", packages=["bash", name]), store=store)
    assert name.split("=")[0] in str(raised.value) and "\n" not in str(raised.value)
    assert list(store.images.iterdir()) == []


def test_a_damaged_download_is_refused(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAMET_HOME", str(tmp_path / "home"))
    package = apt.closure(["busybox-static"], quiet)[0]
    data = package.path.read_bytes()
    package.path.write_bytes(data[: len(data) // 2] + bytes(len(data) - len(data) // 2))
    with pytest.raises(BuildError, match=r"is damaged: .*; remove it and build again"):
        build(Spec(packages=["busybox-static"]), store=store)
    package.path.write_bytes(data[: len(data) // 2])
    build(Spec(packages=["busybox-static"]), store=store)
    assert package.path.read_bytes() == data


def test_without_apt(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(HostError, match="apt is missing"):
        build(Spec(packages=["bash"]), store=store)


def test_without_mkfs(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "f").write_bytes(b"x")
    monkeypatch.setattr("ramet.image.programs.shutil.which", lambda *_args, **_more: None)
    from ramet.image.spec import CopySource

    with pytest.raises(HostError, match="apt-get install erofs-utils"):
        build(Spec(files=[CopySource(tmp_path / "f", "/f")]), store=store)


def test_the_hosts_package_state_is_not_touched() -> None:
    watched = [Path("/var/lib/dpkg/status"), Path("/var/lib/apt/extended_states"), Path("/var/cache/apt/archives")]
    before = [path.stat().st_mtime_ns for path in watched if path.exists()]
    apt.closure(["busybox-static"], quiet)
    assert [path.stat().st_mtime_ns for path in watched if path.exists()] == before
    assert (paths.cache_home() / "debs").is_dir()


def test_alternatives() -> None:
    found: dict[str, tuple[int, str]] = {}
    script = """
        update-alternatives --quiet --install /usr/bin/awk awk /usr/bin/mawk 5 \\
            --slave /usr/share/man/man1/awk.1.gz awk.1.gz /usr/share/man/man1/mawk.1.gz
        update-alternatives --install /usr/bin/awk awk /usr/bin/gawk 10 --slave /usr/bin/nawk nawk /usr/bin/gawk
        update-alternatives --install "$link" x $path 5
        update-alternatives --remove awk /usr/bin/mawk
    """
    debian._read_alternatives(script, found)
    assert found["/usr/bin/awk"] == (10, "/usr/bin/gawk") and found["/usr/bin/nawk"][1] == "/usr/bin/gawk"
    assert found["/usr/share/man/man1/awk.1.gz"][0] == 5 and len(found) == 3


def test_certificates(tree: Tree) -> None:
    tree.add_file("/usr/share/ca-certificates/mozilla/b.crt", b"B\n")
    tree.add_file("/usr/share/ca-certificates/mozilla/a.crt", b"A")
    debian.finish(tree)
    assert tree.read("/etc/ssl/certs/ca-certificates.crt") == b"A\nB\n"


def host_libraries(tree: Tree) -> None:
    tree.add_symlink("/lib", "usr/lib")
    tree.add_symlink("/lib64", "usr/lib64")
    where = Path("/usr/lib/x86_64-linux-gnu")
    tree.copy_in(Path("/lib64/ld-linux-x86-64.so.2").resolve(), "/usr/lib64/ld-linux-x86-64.so.2")
    for file in sorted(where.glob("lib[a-d]*.so*")):
        if file.is_file():
            tree.copy_in(file, f"/usr/lib/x86_64-linux-gnu/{file.name}")
    tree.add_file("/etc/ld.so.conf.d/x86_64.conf", b"# a comment\n/lib/x86_64-linux-gnu\n/usr/lib/x86_64-linux-gnu\n")


def test_loader_cache(tree: Tree, tmp_path: Path) -> None:
    """ldconfig reads it, and has the same libraries in the same order as in a cache of its own making."""
    host_libraries(tree)
    tree.add_file("/usr/lib/x86_64-linux-gnu/libnot-a-library.so", b"INPUT(libc.so.6)")
    tree.add_file("/usr/lib/x86_64-linux-gnu/libcut.so.1", Path("/lib64/ld-linux-x86-64.so.2").read_bytes()[:100])
    count = ldcache.write(tree)
    cache = tmp_path / "scratch/cache"
    cache.write_bytes(tree.read("/etc/ld.so.cache") or b"")
    ldconfig = shutil.which("ldconfig", path="/usr/sbin:/sbin")
    assert ldconfig is not None
    text = subprocess.run([ldconfig, "-p", "-C", cache], capture_output=True, text=True, check=True).stdout
    lines = [line.strip() for line in text.splitlines() if "=>" in line]
    assert len(lines) == count > 20
    assert "libc.so.6 (libc6,x86-64) => /lib/x86_64-linux-gnu/libc.so.6" in lines
    host = subprocess.run([ldconfig, "-p"], capture_output=True, text=True, check=True).stdout
    ours = [line.split()[0] for line in lines]
    theirs = [line.split()[0] for line in host.splitlines() if "=> /lib/x86_64-linux-gnu" in line]
    assert [name for name in theirs if name in ours] == [name for name in ours if name in theirs]


def test_the_loader_believes_its_cache(tree: Tree, tmp_path: Path) -> None:
    """glibc's own comparison, in its own order: every library is found by binary search."""
    host_libraries(tree)
    ldcache.write(tree)
    data = tree.read("/etc/ld.so.cache") or b""
    names = [
        ldcache._ENTRY.unpack_from(data, 48 + 24 * index)[1] for index in range(int.from_bytes(data[20:24], "little"))
    ]
    decoded = [data[at:].split(b"\0", 1)[0].decode() for at in names]
    for before, after in itertools.pairwise(decoded):
        assert ldcache._compare(before, after) > 0
    assert ldcache._compare("libx.so.10", "libx.so.9") > 0 and ldcache._compare("liba.so", "libb.so") < 0


def test_no_loader_no_cache(tree: Tree) -> None:
    assert ldcache.write(tree) == 0 and not tree.exists("/etc/ld.so.cache")
