"""Whether this host can run Ramet, how fast, and what to do about it."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Any

from ramet import paths
from ramet.errors import RametError

__all__ = ["examine", "host", "kvm"]

# Programs that some verbs need, and the Debian package of each.
_TOOLS = {
    "mkfs.erofs": ("erofs-utils", "building images"),
    "apt-get": ("apt", "images from Debian packages"),
    "dpkg-deb": ("dpkg", "images from Debian packages"),
    "skopeo": ("skopeo", "images from OCI registries"),
}


def host() -> dict[str, Any]:
    """The host, in the form of the benchmarks' JSON."""
    return {
        "kernel": platform.release(),
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "settings": _settings(),
    }


def kvm() -> dict[str, Any]:
    """What ``ramet-vmm doctor`` measured."""
    try:
        done = subprocess.run([paths.vmm_path(), "doctor", "--json"], capture_output=True, text=True, timeout=60)
    except RametError as error:
        return {"kvm": False, "error": str(error), "kind": None, "advice": [error.hint] if error.hint else []}
    except (OSError, subprocess.SubprocessError) as error:
        return {"kvm": False, "error": f"the VMM does not run: {error}", "kind": None, "advice": []}
    try:
        document = json.loads(done.stdout)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        said = " ".join((done.stderr or done.stdout).split())[:200]
        return {"kvm": False, "error": f"the VMM gave no answer: {said}", "kind": None, "advice": []}
    return document


def examine() -> dict[str, Any]:
    """Everything: ``ok`` says whether VMs run here, ``advice`` what would help."""
    document: dict[str, Any] = {"ok": False, "host": host(), "kvm": kvm(), "python": platform.python_version()}
    advice: list[str] = [str(item) for item in document["kvm"].get("advice") or []]
    document["vmm"] = _path(paths.vmm_path, advice)
    document["kernel"] = _path(paths.kernel_path, advice)
    document["tools"] = {name: shutil.which(name) for name in _TOOLS}
    for name, found in document["tools"].items():
        if found is None:
            package, purpose = _TOOLS[name]
            advice.append(f"install {package} for {purpose}: apt-get install {package}")
    try:
        document["state"] = {"data": str(paths.data_home()), "run": str(paths.runtime_home())}
    except RametError as error:
        document["state"] = None
        advice.append(str(error))
    if document["host"]["settings"]["transparent_hugepages"] == "never":
        advice.append("turn 2 MiB pages on: echo madvise > /sys/kernel/mm/transparent_hugepage/enabled")
    if document["host"]["settings"]["nofile"][1] < 65536:
        advice.append("raise the limit on open files for thousands of clones: `ulimit -Hn 1048576`")
    document["advice"] = list(dict.fromkeys(advice))
    document["ok"] = bool(
        document["kvm"].get("kvm") and document["vmm"] and document["kernel"] and document["state"] is not None
    )
    return document


def _path(find: Any, advice: list[str]) -> str | None:
    try:
        return str(find())
    except RametError as error:
        advice.append(str(error))
        return None


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.machine()


def _settings() -> dict[str, Any]:
    import resource

    enabled = _read("/sys/kernel/mm/transparent_hugepage/enabled")
    chosen = enabled.partition("[")[2].partition("]")[0] if enabled else None
    pid_max = _read("/proc/sys/kernel/pid_max")
    return {
        "transparent_hugepages": chosen,
        "pid_max": int(pid_max) if pid_max else None,
        "overcommit": _read("/proc/sys/vm/overcommit_memory"),
        "nofile": list(resource.getrlimit(resource.RLIMIT_NOFILE)),
        "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
    }


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return None
