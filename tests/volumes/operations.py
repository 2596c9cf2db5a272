"""What a program can do with a volume: run in a VM by `test_volumes`, with the volume at the first argument."""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path


def error(action: Callable[[], object]) -> str:
    try:
        action()
    except OSError as failure:
        return errno.errorcode[failure.errno or 0]
    return "none"


def names(root: str) -> None:
    with open(f"{root}/new", "w") as file:
        file.write("written\n")
    os.rename(f"{root}/new", f"{root}/renamed")
    assert not os.path.exists(f"{root}/new")
    assert error(lambda: os.rename(f"{root}/renamed", "/tmp/x")) == "EXDEV"
    os.mkdir(f"{root}/directory")
    Path(f"{root}/directory/file").touch()
    assert error(lambda: os.rmdir(f"{root}/directory")) == "ENOTEMPTY"
    os.unlink(f"{root}/directory/file")
    os.rmdir(f"{root}/directory")
    many = {f"many{number}" for number in range(300)}
    for name in many:
        Path(f"{root}/{name}").touch()
    assert many <= set(os.listdir(root))
    for name in many:
        os.unlink(f"{root}/{name}")
    os.symlink("renamed", f"{root}/link")
    assert Path(f"{root}/link").read_text() == "written\n"
    os.link(f"{root}/renamed", f"{root}/hard")
    assert os.stat(f"{root}/hard").st_nlink == 2
    os.chmod(f"{root}/hard", 0o640)
    assert os.stat(f"{root}/renamed").st_mode & 0o777 == 0o640
    os.utime(f"{root}/hard", ns=(1_000_000_001, 2_000_000_002))
    assert os.stat(f"{root}/hard").st_mtime_ns == 2_000_000_002
    os.truncate(f"{root}/hard", 3)
    with open(f"{root}/hard", "a") as file:
        file.write("app")
    assert Path(f"{root}/renamed").read_text() == "wriapp"
    assert os.statvfs(root).f_blocks > 0


def mappings(root: str) -> None:
    content = bytes(range(256)) * 4096
    with open(f"{root}/big", "w+b") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
        shared = mmap.mmap(file.fileno(), 0)
        assert shared[:] == content
        shared[5], shared[409_600] = 99, 77
        shared.flush()
        assert os.pread(file.fileno(), 1, 5) == b"c" and os.pread(file.fileno(), 1, 409_600) == b"M"
        os.pwrite(file.fileno(), b"Z", 6)
        assert shared[6] == ord("Z")
        private = mmap.mmap(file.fileno(), 0, flags=mmap.MAP_PRIVATE)
        private[5], private[8192] = 1, 2
        assert os.pread(file.fileno(), 1, 5) == b"c" and (private[5], private[8193]) == (1, 1)
        os.ftruncate(file.fileno(), 2 << 20)
        assert mmap.mmap(file.fileno(), 0)[(2 << 20) - 1] == 0
        fcntl.flock(file, fcntl.LOCK_EX)


def database(root: str) -> None:
    base = sqlite3.connect(f"{root}/base")
    base.execute("create table t (a, b)")
    base.executemany("insert into t values (?, ?)", [(i, str(i)) for i in range(2000)])
    base.commit()
    base.execute("pragma journal_mode = wal")
    base.execute("pragma mmap_size = 1000000")
    base.execute("insert into t values (5, 5)")
    base.commit()
    assert base.execute("select sum(a), count(*) from t").fetchone() == (1_999_005, 2001)
    base.close()


def bounds(root: str) -> None:
    # Links are resolved in the VM, wherever they lead.
    assert Path(f"{root}/outside").read_text() == Path("/etc/passwd").read_text()
    assert error(lambda: os.open(f"{root}/host", os.O_RDONLY)) == "ENOENT"
    assert os.path.realpath(f"{root}/../..") == "/"
    inner = f"{root}/inner/fixed"
    assert Path(f"{inner}/file").read_text() == "fixed\n"
    for action in (
        lambda: os.open(f"{inner}/new", os.O_WRONLY | os.O_CREAT),
        lambda: os.open(f"{inner}/file", os.O_RDWR),
        lambda: os.unlink(f"{inner}/file"),
        lambda: os.mkdir(f"{inner}/directory"),
        lambda: os.chmod(f"{inner}/file", 0o600),
    ):
        assert error(action) == "EROFS"
    assert Path("/etc/single").read_text() == "single\n"


if __name__ == "__main__":
    for part in (names, mappings, database, bounds):
        part(sys.argv[1])
    mounts = [line.split()[1:4] for line in Path("/proc/mounts").read_text().splitlines() if line.startswith("volume")]
    print(sorted(f"{place} {options.split(',')[0]}" for place, _, options in mounts))
