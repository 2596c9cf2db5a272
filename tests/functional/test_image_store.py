"""The image store: names, digests, several builders at once, killed builders, full disks."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

import ramet
from ramet.errors import ImageError, ImageNotFound, ImageSpecError, UsageError
from ramet.image import Image, Metadata, Spec, Store, build, parse_size


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def put(store: Store, content: bytes, name: str | None = None) -> Image:
    with store.staging() as staging:
        (staging / "image.erofs").write_bytes(content)
        return store.put(staging, Metadata(cmd=["x"]), name=name)


def leftovers(store: Store) -> list[str]:
    return [entry.name for entry in store.images.iterdir() if entry.name.startswith(".build-")]


def test_names_and_digests(store: Store) -> None:
    one, two = put(store, b"one", "first"), put(store, b"two", "second")
    assert one.digest != two.digest and one.erofs.read_bytes() == b"one"
    assert store.find("first").digest == store.find(one.digest).digest == store.find(one.digest[:12]).digest
    assert store.find(f"sha256:{one.digest}").name == "first"
    assert [image.name for image in store.list()] == ["first", "second"]
    assert one.metadata.cmd == ["x"] and one.to_json()["cmd"] == ["x"]
    for absent in ("third", "0000", "../first", ".lock", "", "zz"):
        with pytest.raises(ImageNotFound):
            store.find(absent)


def test_the_same_content_is_kept_once(store: Store) -> None:
    one, again = put(store, b"same", "a"), put(store, b"same", "b")
    assert one.digest == again.digest and again.name == "b"
    assert store.find(one.digest).names == ("a", "b")
    assert len(store.list()) == 1


def test_a_name_moves_and_the_old_image_stays(store: Store) -> None:
    old = put(store, b"old", "name")
    new = put(store, b"new", "name")
    assert store.find("name").digest == new.digest
    assert store.find(old.digest).names == ()
    store.tag(old.digest, "name")
    assert store.find("name").digest == old.digest
    with pytest.raises(ImageNotFound):
        store.tag("0" * 64, "name")


def test_remove(store: Store) -> None:
    image = put(store, b"x", "a")
    store.tag(image.digest, "b")
    store.remove("a")
    assert store.find("b").digest == image.digest
    with image.erofs.open("rb") as running:
        store.remove(image.digest)
        assert running.read() == b"x"  # a VM that runs from it goes on
    assert store.list() == [] and not image.erofs.exists() and leftovers(store) == []
    with pytest.raises(ImageNotFound, match="no image named 'a'"):
        store.remove("a")


def test_ambiguous_prefix(store: Store) -> None:
    image = put(store, b"x")
    (store.images / (image.digest[:10] + "0" * 54)).mkdir()
    with pytest.raises(ImageNotFound, match="more digits"):
        store.find(image.digest[:8])


def test_a_damaged_image_says_so(store: Store) -> None:
    image = put(store, b"content", "a")
    image.erofs.chmod(0o600)
    image.erofs.write_bytes(b"cut")
    with pytest.raises(ImageError, match="damaged"):
        store.find("a")
    assert store.list() == []
    assert put(store, b"content", "a").erofs.read_bytes() == b"content"


@pytest.mark.parametrize("name", ["", "-x", "a b", "a/b", "x" * 129, ".hidden", "a\n"])
def test_bad_names(store: Store, name: str) -> None:
    with pytest.raises(UsageError):
        put(store, b"x", name)
    assert leftovers(store) == []


def test_a_failing_build_leaves_nothing(store: Store) -> None:
    with pytest.raises(RuntimeError), store.staging() as staging:
        (staging / "locked").mkdir()
        (staging / "locked/file").write_bytes(b"x")
        (staging / "locked").chmod(0)
        raise RuntimeError
    assert leftovers(store) == []


def _many_puts(root: str, number: int) -> None:
    store = Store(Path(root))
    for step in range(10):
        put(store, b"%d" % ((step + number) % 7), f"name{step % 3}")
        if step % 4 == 3:
            with contextlib.suppress(ImageNotFound):
                store.remove(f"name{number % 3}")


def test_many_builders_at_once(store: Store) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_many_puts, args=(str(store.root), number)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    assert leftovers(store) == []
    for image in store.list():
        assert image.erofs.read_bytes().isdigit()


def test_a_killed_build_is_cleaned_by_the_next(store: Store) -> None:
    script = """
        import sys, time, pathlib
        from ramet.image import Store
        with Store(pathlib.Path(sys.argv[1])).staging() as staging:
            (staging / "half").write_bytes(b"x" * 100000)
            print("ready", flush=True)
            time.sleep(60)
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(store.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stdout.readline() == b"ready\n"
        assert len(leftovers(store)) == 1
        store.clean()
        assert len(leftovers(store)) == 1, "a build under way was removed"
        child.send_signal(signal.SIGKILL)
    put(store, b"x")
    assert leftovers(store) == []


def test_a_full_disk_is_one_clear_error(tmp_path: Path) -> None:
    """On a file system of one megabyte, in a mount name space of its own (so without root too)."""
    (tmp_path / "big").write_bytes(os.urandom(3 << 20))
    (tmp_path / "small").mkdir()
    script = """
        import sys, pathlib
        from ramet.errors import StoreFull
        from ramet.image import Spec, Store, build
        from ramet.image.spec import CopySource
        base = pathlib.Path(sys.argv[1])
        store = Store(base / "small")
        for size in (3 << 20, 700_000):    # too much for the copy; only too much for the file system that is made of it
            (base / "big").write_bytes((base / "big").read_bytes()[:size])
            try:
                build(Spec(name="x", files=[CopySource(base / "big", "/big")]), store=store)
            except StoreFull as error:
                print(error)
        print(store.list(), [entry.name for entry in store.images.iterdir()])
    """
    unshare = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user", "--user"])]
    shell = f"mount -t tmpfs -o size=1m tmpfs '{tmp_path}/small' && exec \"$@\""
    command = [*unshare, "sh", "-c", shell, "sh", sys.executable, "-c", textwrap.dedent(script), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and len(lines) == 3, done.stderr
    assert all("no space left" in line for line in lines[:2])
    assert lines[2] == "[] ['.lock']"


def test_an_unwritable_store(tmp_path: Path) -> None:
    """As an ordinary user: root may write everywhere."""
    become = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    package = Path(ramet.__file__).parents[1]
    script = f"import sys; sys.path.insert(0, {str(package)!r}); from ramet.image import Store; Store()"
    done = subprocess.run(
        [*become, "/usr/bin/python3", "-B", "-c", script],
        env={"RAMET_HOME": "/proc/ramet"},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1 and "set RAMET_HOME to a directory you may write" in done.stderr.splitlines()[-1]


def test_an_interrupted_build_leaves_nothing(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for number in range(3000):
        (source / str(number)).write_bytes(b"x" * 5000)
    script = """
        import sys, pathlib
        from ramet.image import Spec, Store, build
        from ramet.image.spec import CopySource
        print("ready", flush=True)
        base = pathlib.Path(sys.argv[1])
        for number in range(100):
            files = [CopySource(base / "source", f"/{number}")]
            build(Spec(name=f"x{number}", files=files), store=Store(base / "store"))
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        assert child.stdout is not None and child.stdout.readline() == b"ready\n"
        time.sleep(1.5)
        child.send_signal(signal.SIGINT)
    assert child.returncode != 0
    assert leftovers(Store(tmp_path / "store")) == []


def test_sizes() -> None:
    assert [parse_size(text) for text in ("4096", "1K", "256M", "1.5GiB", "2 gb", 7)] == [
        4096,
        1024,
        256 << 20,
        3 << 29,
        2 << 30,
        7,
    ]
    for wrong in ("", "M", "-1", "1X", "1.5.2M", -3):
        with pytest.raises(UsageError):
            parse_size(wrong)


def test_specification(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    file = tmp_path / "spec.toml"
    file.write_text(
        """
        name = "web"
        packages = ["python3"]
        pip = ["requests"]
        files = ["app:/srv/app"]
        workdir = "/srv/app"
        entrypoint = ["python3"]
        cmd = ["main.py"]
        user = 33
        memory = "128M"
        max_clones = 10
        env = { PORT = 80, NAME = "x" }
        links = { "/srv/current" = "app" }
        [freeze]
        warmup = ["python3", "warm.py"]
        """
    )
    spec = Spec.from_toml(file)
    assert (
        spec.name == "web" and spec.memory == 128 << 20 and spec.user == "33" and spec.warmup == ["python3", "warm.py"]
    )
    assert spec.files[0].source == tmp_path / "app" and spec.files[0].target == "/srv/app"
    assert spec.env == {"PORT": "80", "NAME": "x"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nmae = 'x'", "unknown field 'nmae'"),
        ("name = 'a b'", "no image name"),
        ("packages = 'python3'", "list of strings"),
        ("packages = [1]", "list of strings"),
        ("packages = ['--purge']", "no Debian package name"),
        ("packages = ['bash-']", "no Debian package name"),
        ("memory = 'much'", "not a size"),
        ("files = ['nowhere']", "SRC:/DST"),
        ("files = ['a:relative']", "SRC:/DST"),
        ("files = ['absent:/x']", "does not exist"),
        ("workdir = 'x'", "absolute"),
        ("max_clones = -1", "negative"),
        ("env = { 'a=b' = 'x' }", "environment variable"),
        ("[freeze]\nwarm = []", "warmup"),
        ("pip = ['requests']", "need a Python"),
        ("name = ", "no TOML"),
        ("name = 'x'", "names nothing"),
    ],
)
def test_wrong_specifications(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "spec.toml"
    file.write_text(text)
    store = Store(tmp_path / "store")
    with pytest.raises(UsageError) as raised:
        build(Spec.from_toml(file), store=store)
    assert said in str(raised.value) and "\n" not in str(raised.value)
    assert store.list() == [] and leftovers(store) == []


def test_an_absent_specification(tmp_path: Path) -> None:
    with pytest.raises(ImageSpecError, match="cannot be read"):
        Spec.from_toml(tmp_path / "none.toml")
