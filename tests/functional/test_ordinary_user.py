"""VMs of an ordinary user of the host, who may open /dev/kvm as a member of its group; and of one who may not.

Run by root, the tests become a user that nobody else is, in a mount name space with a /dev/kvm for a group that nobody
else is in. Run by an ordinary user, they are that user.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from limits import LIMIT

import ramet
from ramet import paths
from ramet.image import Store

USER, GROUP = 61234, 61235
ROOT = os.geteuid() == 0
DEVICE = """
mknod "$1" c $2 $3 && chgrp $4 "$1" && chmod 660 "$1" && mount --bind "$1" /dev/kvm && shift 4 && exec "$@"
"""


class User:
    """Somebody with a home of their own, the `ramet` under test and its test images."""

    def __init__(self, place: Path, images: Path, *, member: bool, image: str = "test-busybox") -> None:
        self.place = place
        self.member = member
        self.home = place / "own"
        (place / "lib").mkdir()
        shutil.copytree(Path(ramet.__file__).parent, place / "lib/ramet", ignore=shutil.ignore_patterns("__pycache__"))
        for name, program in (("vmm", paths.vmm_path()), ("kernel", paths.kernel_path())):
            shutil.copy(program, place / name)
        self.home.mkdir()
        store = self.home / "state"
        (store / "images").mkdir(parents=True)
        (store / "names").mkdir()
        digest = Store(images).find(image).digest
        shutil.copytree(images / "images" / digest, store / "images" / digest)
        (store / "names" / image).write_text(digest)
        place.chmod(0o755)
        for path in [self.home, *self.home.rglob("*")] if ROOT else []:
            os.chown(path, USER, USER)

    def __call__(self, *arguments: str, check: int | None = None) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self._command(*arguments),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            cwd="/",
            env=self._environment(),
        )
        if check is not None:
            assert done.returncode == check, (arguments, done.returncode, done.stdout, done.stderr)
        return done

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """The same, with pipes, while it runs."""
        pipe = subprocess.PIPE
        return subprocess.Popen(
            self._command(*arguments), stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd="/", env=self._environment()
        )

    def limit(self, pid: int, name: str, value: int) -> None:
        """prlimit(1) of one of the user's processes, the soft limit."""
        number = "unlimited" if value < 0 else str(value)
        subprocess.run([*self._become(), "prlimit", f"--pid={pid}", f"--{name}={number}:"], check=True, timeout=30)

    def _command(self, *arguments: str) -> list[str]:
        # Root's interpreter may lie where nobody else may look.
        python = "/usr/bin/python3" if ROOT else sys.executable
        return [*self._become(), python, "-B", "-m", "ramet", *arguments]

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "PYTHONPATH": str(self.place / "lib"),
            "RAMET_HOME": str(self.home / "state"),
            "RAMET_VMM": str(self.place / "vmm"),
            "RAMET_KERNEL": str(self.place / "kernel"),
        }

    def _become(self) -> list[str]:
        if not ROOT:
            if self.member:
                return []
            hide = 'mount --bind /dev/null /dev/kvm && exec "$@"'
            return ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", hide, "sh"]
        device = os.stat("/dev/kvm").st_rdev
        node = Path(tempfile.mkdtemp(dir=self.place)) / "kvm"
        make = [str(node), str(os.major(device)), str(os.minor(device)), str(GROUP)]
        groups = f"--groups={GROUP}" if self.member else "--clear-groups"
        become = ["setpriv", f"--reuid={USER}", f"--regid={USER}", groups]
        return ["unshare", "--mount", "sh", "-c", DEVICE, "sh", *make, *become]


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that others may enter: pytest's own are for its user alone."""
    path = Path(tempfile.mkdtemp(prefix="ramet-user-"))
    yield path
    shutil.rmtree(path)


def test_programs(kvm: dict[str, str], session_home: Path, place: Path) -> None:
    user = User(place, session_home, member=True)
    user("doctor", "--json", check=0)
    shell = ["test-busybox", "sh", "-c"]
    done = user("run", "--rm", *shell, "echo in > /etc/mine; read -r word < /etc/mine; echo $word; exit 3", check=3)
    assert (done.stdout, done.stderr) == ("in\n", "")
    done = user("run", "--rm", "-u", "7:8", *shell, ": > /etc/mine", check=1)
    assert "Permission denied" in done.stderr
    user("run", "-d", "--name", "d", *shell, "echo said; exit 5", check=0)
    user("wait", "d", check=5)
    assert user("logs", "d", check=0).stdout == "said\n"
    ready = 'echo ready > /dev/ramet; read -r document < /dev/ramet; echo "$document"'
    user("run", "-d", "--name", "w", *shell, ready, check=0)
    user("freeze", "w", "--on-ready", "--timeout", str(LIMIT), "-t", "T", check=0)
    assert json.loads(user("clone", "T", "--attach", "--rm", "--", "x", check=0).stdout)["args"] == ["x"]
    user("template", "rm", "T", check=0)
    user("rm", "-f", "-a", check=0)
    assert os.listdir(user.home / "state/run/vms") == []


def test_volumes_give_no_more_than_the_user_has(kvm: dict[str, str], session_home: Path, place: Path) -> None:
    """Root inside a VM is the user outside."""
    user = User(place, session_home, member=True)
    (user.home / "shared").mkdir()
    (place / "secret").write_text("secret")
    (place / "secret").chmod(0o000 if not ROOT else 0o600)
    if ROOT:
        os.chown(user.home / "shared", USER, USER)
    script = "echo mine > /v/own/shared/file; read -r line < /v/secret; echo got:$line; : > /v/other"
    done = user("run", "--rm", "-v", f"{place}:/v", "test-busybox", "sh", "-c", script)
    assert done.stdout == "got:\n" and "/v/secret: Permission denied" in done.stderr, done
    made = (user.home / "shared/file").stat()
    assert made.st_uid == (USER if ROOT else os.geteuid())
    assert (place / "other").exists() != ROOT  # the directory is root's


def test_an_image(kvm: dict[str, str], session_home: Path, place: Path) -> None:
    """Built by the user: the same as anybody's."""
    user = User(place, session_home, member=True)
    (place / "tree").mkdir()
    (place / "tree/file").write_text("content")
    for path in (place / "tree", place / "tree/file"):
        os.utime(path, (1, 1))
    user("build", "-t", "own", "--dir", f"{place}/tree:/", check=0)
    digest = json.loads(user("images", "--json", check=0).stdout)
    command = [sys.executable, "-m", "ramet", "build", "-t", "own", "--dir", f"{place}/tree:/"]
    subprocess.run(command, check=True, timeout=LIMIT, env={**os.environ, "RAMET_HOME": str(place / "ours")})
    assert Store(place / "ours").find("own").digest in {image["digest"] for image in digest}


def test_without_permission(kvm: dict[str, str], session_home: Path, place: Path) -> None:
    """One line, 125, nothing left."""
    user = User(place, session_home, member=False)
    for options in ([], ["--rm"], ["-d"]):
        done = user("run", *options, "test-busybox", "true", check=125)
        assert re.fullmatch(r"ramet: [^\n]*/dev/kvm[^\n]*\n", done.stderr), done.stderr
        assert done.stdout == ""
    user("rm", "-a")
    assert os.listdir(user.home / "state/run/vms") == []
    done = user("doctor", "--json", check=1)
    document = json.loads(done.stdout)
    assert document["kvm"]["kvm"] is False and "/dev/kvm" in document["kvm"]["error"]
