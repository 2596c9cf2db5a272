"""Unpacks Debian packages, and does what their maintainer scripts would do that programs rely on.

The scripts are not run: they expect a booted system, and root. Instead: users and groups as Debian numbers them, name
service configuration, a merged /usr, alternatives, ``/bin/sh``, the certificate bundle, the loader's cache (`ldcache`),
byte-compiled Python (`bytecode`) and dpkg's list of what is installed. Documentation but the copyrights is left out.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from ramet.image import tarball
from ramet.image.apt import Package
from ramet.image.progress import Progress, Step
from ramet.image.tree import Directory, Regular, Tree

__all__ = ["finish", "install", "prepare"]

_MERGED = ("bin", "lib", "lib32", "lib64", "libx32", "sbin")
_SKELETON = (
    *(("/dev", 0o755), ("/proc", 0o555), ("/sys", 0o555), ("/run", 0o755), ("/tmp", 0o1777), ("/root", 0o700)),
    *(("/etc", 0o755), ("/home", 0o755), ("/mnt", 0o755), ("/var", 0o755), ("/var/tmp", 0o1777), ("/var/lib", 0o755)),
)
_USERS = """\
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
bin:x:2:2:bin:/bin:/usr/sbin/nologin
sys:x:3:3:sys:/dev:/usr/sbin/nologin
sync:x:4:65534:sync:/bin:/bin/sync
games:x:5:60:games:/usr/games:/usr/sbin/nologin
man:x:6:12:man:/var/cache/man:/usr/sbin/nologin
lp:x:7:7:lp:/var/spool/lpd:/usr/sbin/nologin
mail:x:8:8:mail:/var/mail:/usr/sbin/nologin
news:x:9:9:news:/var/spool/news:/usr/sbin/nologin
uucp:x:10:10:uucp:/var/spool/uucp:/usr/sbin/nologin
proxy:x:13:13:proxy:/bin:/usr/sbin/nologin
www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin
backup:x:34:34:backup:/var/backups:/usr/sbin/nologin
list:x:38:38:Mailing List Manager:/var/list:/usr/sbin/nologin
irc:x:39:39:ircd:/run/ircd:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
"""
_GROUPS = (
    "root:0 daemon:1 bin:2 sys:3 adm:4 tty:5 disk:6 lp:7 mail:8 news:9 uucp:10 man:12 proxy:13 kmem:15 dialout:20 "
    "fax:21 voice:22 cdrom:24 floppy:25 tape:26 sudo:27 audio:29 dip:30 www-data:33 backup:34 operator:37 list:38 "
    "irc:39 src:40 shadow:42 utmp:43 video:44 sasl:45 plugdev:46 staff:50 games:60 users:100 nogroup:65534"
)
_NSSWITCH = (
    "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nnetworks: files\nprotocols: files\nservices: files\n"
)
_HOSTS = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"

_DOC = "/usr/share/doc/"
_LEFT_OUT = ("/usr/share/man/", "/usr/share/info/", "/usr/share/lintian/", "/usr/share/doc-base/", "/usr/share/bug/")
_ALTERNATIVE = re.compile(r"update-alternatives\s[^;&|\n]*?--install\s[^;&|\n]*")


def _skip(path: str) -> bool:
    if path.startswith(_DOC):
        return path.count("/") > 3 and not path.endswith("/copyright")
    return path.startswith(_LEFT_OUT)


def prepare(tree: Tree) -> None:
    """Before the packages: ``/bin`` and its like lead into ``/usr``, as on every Debian 12 system."""
    _directories(tree)
    for name in _MERGED:
        if tree.get(f"/{name}", follow=False) is None and name not in ("lib32", "libx32"):
            tree.make_directory(f"/usr/{name}")
            tree.add_symlink(f"/{name}", f"usr/{name}")


def install(tree: Tree, packages: Sequence[Package], progress: Progress) -> None:
    """Unpacks the packages into the tree, and makes what their scripts would make."""
    prepare(tree)
    status: list[str] = []
    alternatives: dict[str, tuple[int, str]] = {}
    for done, package in enumerate(packages):
        progress(Step("unpacking packages", package.name, done, len(packages)))
        with package.files() as stream:
            paths = tarball.unpack(tree, stream, origin=f"package {package.name}", skip=_skip)
        control = package.control()
        fields = control.get("control", "").rstrip("\n").splitlines()
        status.append("\n".join([*fields[:1], "Status: install ok installed", *fields[1:]]) + "\n")
        listed = "\n".join(path if path != "/" else "/." for path in paths)
        tree.add_file(f"/var/lib/dpkg/info/{package.name}.list", (listed + "\n").encode(errors="surrogateescape"))
        _read_alternatives(control.get("postinst", ""), alternatives)
    tree.add_file("/var/lib/dpkg/status", ("\n".join(status)).encode())
    for name, target in ((name, choice[1]) for name, choice in sorted(alternatives.items())):
        if tree.exists(target) and tree.get(name, follow=False) is None:
            tree.add_symlink(name, target)
    progress(Step("unpacking packages", "", len(packages), len(packages)))


def _read_alternatives(script: str, found: dict[str, tuple[int, str]]) -> None:
    """``update-alternatives --install LINK NAME PATH PRIORITY [--slave LINK NAME PATH]...``, if written plainly."""
    for match in _ALTERNATIVE.finditer(script.replace("\\\n", " ")):
        try:
            words = shlex.split(match[0])
        except ValueError:
            continue
        if "$" in match[0] or "--install" not in words:
            continue
        words = words[words.index("--install") + 1 :]
        if len(words) < 4 or not words[3].lstrip("-").isdigit():
            continue
        priority = int(words[3])
        links = [(words[0], words[2])]
        while len(words) >= 8 and words[4] == "--slave":
            links.append((words[5], words[7]))
            words = [*words[:4], *words[8:]]
        for link, target in links:
            if link.startswith("/") and (link not in found or found[link][0] < priority):
                found[link] = (priority, target)


def finish(tree: Tree) -> None:
    """What every root file system needs, where nothing has put it yet."""
    _directories(tree)

    tree.default_file("/etc/passwd", tree.read("/usr/share/base-passwd/passwd.master") or _USERS.encode())
    groups = "".join(f"{name}:x:{gid}:\n" for name, gid in (item.split(":") for item in _GROUPS.split()))
    tree.default_file("/etc/group", tree.read("/usr/share/base-passwd/group.master") or groups.encode())
    tree.default_file("/etc/nsswitch.conf", tree.read("/usr/share/base-files/nsswitch.conf") or _NSSWITCH.encode())
    tree.default_file("/etc/hosts", _HOSTS.encode())
    profile = tree.read("/usr/share/base-files/profile")
    if profile is not None:
        tree.default_file("/etc/profile", profile)
    _shell(tree)
    _certificates(tree)


def _directories(tree: Tree) -> None:
    for path, mode in _SKELETON:
        tree.make_directory(path, mode=mode)


def _shell(tree: Tree) -> None:
    """``system()`` and ``#!/bin/sh`` need one; in Debian it is dash's, whose scripts would link it."""
    if not tree.exists("/bin/sh"):
        for shell in ("dash", "bash", "busybox"):
            if isinstance(tree.get(f"/bin/{shell}"), Regular):
                tree.add_symlink("/bin/sh", shell)
                return


def _certificates(tree: Tree) -> None:
    """``update-ca-certificates``, but for the links named by hash, which OpenSSL only uses when told to."""
    bundle = "/etc/ssl/certs/ca-certificates.crt"
    if tree.exists(bundle) or not tree.exists("/usr/share/ca-certificates"):
        return
    parts = [
        (tree.read(path) or b"").rstrip(b"\n") + b"\n"
        for path, node in tree.walk("/usr/share/ca-certificates")
        if isinstance(node, Regular) and path.endswith(".crt")
    ]
    if parts:
        tree.add_file(bundle, b"".join(parts))
        if not tree.exists("/usr/lib/ssl/cert.pem") and isinstance(tree.get("/usr/lib/ssl"), Directory):
            tree.add_symlink("/usr/lib/ssl/cert.pem", bundle)
