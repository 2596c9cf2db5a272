"""Fixtures for all tests.

Without ``/dev/kvm``: `ramet_home` (an empty RAMET_HOME), `fake_vmm` (a VMM that runs programs on the host) and
`fake_image`. With it: `images`, the small images of ``tests/images``, built once for all tests, and `guests`, the
programs of ``tests/guests``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from guest_harness import Guests

    from ramet.image import Store

TESTS = Path(__file__).parent
ROOT = TESTS.parent
FAKE_VMM = TESTS / "fake_vmm.py"


# Emulated processors are tens of times slower: every limit that is only there to end a hang is that much longer.
PATIENCE = 20 if "SVM_HOST" in os.environ else 1


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The first test that needs the images waits for their packages: that is not its time."""
    limit = float(config.getini("timeout") or 0)
    for item in items:
        own = item.get_closest_marker("timeout")
        if PATIENCE > 1 and own is not None and own.args:
            item.add_marker(pytest.mark.timeout(own.args[0] * PATIENCE, func_only=True), append=False)
        if limit and "images" in getattr(item, "fixturenames", ()) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(limit, func_only=True))


RESULTS: dict[str, str] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remembers what became of each test, for docs/compatibility.md."""
    if report.when == "call" or report.outcome != "passed":
        expected = hasattr(report, "wasxfail") and report.outcome == "skipped"
        RESULTS[report.nodeid] = "xfailed" if expected else report.outcome


def pytest_sessionfinish() -> None:
    if "RAMET_RESULTS" in os.environ:
        Path(os.environ["RAMET_RESULTS"]).write_text(json.dumps(RESULTS, indent=1, sort_keys=True))


@pytest.fixture
def ramet_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty home for images and VMs; whatever still runs there at the end is ended."""
    home = tmp_path / "home"
    monkeypatch.setenv("RAMET_HOME", str(home))
    yield home
    from ramet import registry

    monkeypatch.setenv("RAMET_HOME", str(home))
    for entry in registry.entries():
        if entry.process() is None:
            registry.discard(entry)
        else:
            registry.remove(entry, force=True)


@pytest.fixture
def store(ramet_home: Path) -> Store:
    """An empty image store."""
    from ramet.image import Store

    return Store()


@pytest.fixture
def fake_vmm(ramet_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Makes Ramet start programs as processes of the host."""
    kernel = ramet_home.parent / "kernel"
    kernel.write_bytes(b"")
    monkeypatch.setenv("RAMET_VMM", str(FAKE_VMM))
    monkeypatch.setenv("RAMET_KERNEL", str(kernel))
    return FAKE_VMM


@pytest.fixture
def fake_image(fake_vmm: Path, store: Store) -> str:
    """The name of an image for the fake VMM, with a command, a variable and a working directory."""
    from ramet.image import Metadata

    with store.staging() as staging:
        (staging / "image.erofs").write_bytes(b"no file system")
        metadata = Metadata(cmd=["/bin/echo", "default"], env={"FROM_IMAGE": "yes"}, workdir="/", memory=64 << 20)
        store.put(staging, metadata, name="fake")
    return "fake"


@pytest.fixture(scope="session")
def session_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of the images that all tests share. ``RAMET_TEST_HOME`` keeps them from one run to the next."""
    kept = os.environ.get("RAMET_TEST_HOME")
    return Path(kept) if kept else tmp_path_factory.mktemp("ramet")


def build_images(home: Path) -> dict[str, str]:
    """Builds every image of ``tests/images``, and ``python``; by the specification's name, their names in the store."""
    from ramet.image import Spec, Store, build

    store = Store(home)
    built = {}
    for path in [*sorted((TESTS / "images").glob("*.toml")), ROOT / "images/python.toml"]:
        spec = Spec.from_toml(path)
        image = store.find(str(spec.name)) if is_prepared() else build(spec, store=store)
        built[path.stem] = image.name
    return built


def is_prepared() -> bool:
    """Whether ``prepare.py`` has just made everything on another machine, faster than this one could look."""
    return bool(os.environ.get("RAMET_TEST_PREPARED"))


@pytest.fixture(scope="session")
def images(session_home: Path) -> dict[str, str]:
    """The images of `build_images`, built once."""
    return build_images(session_home)


@pytest.fixture
def kvm(images: dict[str, str], session_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """The real VMM with the small images. Fails, and does not skip, where there is no /dev/kvm."""
    assert os.access("/dev/kvm", os.R_OK | os.W_OK), "/dev/kvm is missing or not ours to use: see `ramet doctor`"
    monkeypatch.setenv("RAMET_HOME", str(session_home))
    yield images
    from ramet import registry

    monkeypatch.setenv("RAMET_HOME", str(session_home))
    left = list(registry.entries())
    for entry in left:
        registry.remove(entry, force=True)


@pytest.fixture
def cli() -> Cli:
    """Runs ``ramet`` as a process."""
    return Cli()


class Cli:
    """The command line under test."""

    command = (sys.executable, "-m", "ramet")

    def __call__(
        self, *args: str, input: str | None = None, timeout: float = 60, check: int | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*self.command, *args],
            input=input,
            stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True,
            text=True,
            timeout=timeout * PATIENCE,
        )
        if check is not None:
            assert done.returncode == check, (args, done.returncode, done.stdout, done.stderr)
        return done


@pytest.fixture(scope="session")
def built_guests(session_home: Path) -> Guests:
    """All guest programs, built once."""
    from guest_harness import Guests

    return Guests(session_home)


@pytest.fixture
def guests(built_guests: Guests, session_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Guests]:
    """The guest programs with the real VMM. Fails, and does not skip, where there is no /dev/kvm."""
    assert Path("/dev/kvm").exists(), "/dev/kvm is missing: see `ramet doctor`"
    monkeypatch.setenv("RAMET_HOME", str(session_home))
    yield built_guests
