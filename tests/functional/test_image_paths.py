"""Where state lives, and how errors speak."""

from __future__ import annotations

import os
import pickle
import stat
from pathlib import Path

import pytest

from ramet import errors, paths
from ramet.errors import HostError, RametError, TimeoutExpired


@pytest.fixture
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("RAMET_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "RAMET_VMM", "RAMET_KERNEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_xdg_directories(clean: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert paths.images_dir() == clean / ".local/share/ramet/images"
    assert paths.cache_home() == clean / ".cache/ramet"
    monkeypatch.setenv("XDG_DATA_HOME", str(clean / "data"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(clean / "run"))
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/is/ignored")
    assert paths.images_dir() == clean / "data/ramet/images"
    assert paths.vms_dir() == clean / "run/ramet/vms" and paths.templates_dir() == clean / "run/ramet/templates"
    assert paths.cache_home() == clean / ".cache/ramet"


def test_ramet_home_moves_everything(clean: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = clean / "elsewhere"
    monkeypatch.setenv("RAMET_HOME", str(home))
    old = os.umask(0)
    try:
        everything = [paths.images_dir(), paths.vms_dir(), paths.templates_dir(), paths.cache_home()]
    finally:
        os.umask(old)
    for path in (home, *everything):
        assert path.is_relative_to(home) and stat.S_IMODE(path.stat().st_mode) == 0o700
    assert not (clean / ".local").exists()


def test_a_home_that_cannot_be(clean: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (clean / "file").write_text("")
    for home in (clean / "file", clean / "file/below"):
        monkeypatch.setenv("RAMET_HOME", str(home))
        with pytest.raises(HostError, match="RAMET_HOME"):
            paths.data_home()


def test_overrides(clean: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = clean / "vmm"
    monkeypatch.setenv("RAMET_VMM", str(program))
    with pytest.raises(HostError, match="RAMET_VMM is missing"):
        paths.vmm_path()
    program.write_text("")
    with pytest.raises(HostError, match="not executable"):
        paths.vmm_path()
    program.chmod(0o755)
    assert paths.vmm_path() == program
    monkeypatch.setenv("RAMET_KERNEL", str(program))
    assert paths.kernel_path() == program


def test_the_installation_is_whole(clean: Path) -> None:
    assert os.access(paths.vmm_path(), os.X_OK)
    assert paths.kernel_path().read_bytes()[:4] == b"\x7fELF"


def test_errors_are_one_line_and_say_what_to_do() -> None:
    error = RametError("it\nfailed.", hint="try again", vm="web")
    assert str(error) == "VM web: it failed; try again"
    assert str(RametError("web failed", vm="web")) == "web failed"
    again = pickle.loads(pickle.dumps(TimeoutExpired("too slow", timeout=1.5, vm="web", hint="wait")))
    assert isinstance(again, TimeoutExpired) and isinstance(again, TimeoutError)
    assert again.timeout == 1.5 and str(again) == "VM web: too slow; wait"


def test_every_error_is_a_ramet_error() -> None:
    for name in errors.__all__:
        assert issubclass(getattr(errors, name), RametError)
