"""Runs tests of Python's standard library inside a VM: ``python3 -c THIS MODULE... [-NAME...]``.

What needs a child process or a network counts as skipped: a VM has neither. ``-NAME`` leaves out tests whose name
contains NAME. The last line of the output is JSON: by module, how many tests ran, how many were skipped and which
failed.
"""

from __future__ import annotations

import importlib
import json
import os
import posix
import socket
import subprocess
import sys
import tempfile
import traceback
import unittest
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

PROCESSES = "execv", "execve", "fork", "forkpty", "posix_spawn", "posix_spawnp", "system"


def skips(reason: str) -> Callable[..., NoReturn]:
    """A function that skips the test that calls it."""

    def skip(*_args: object, **_options: object) -> NoReturn:
        raise unittest.SkipTest(reason)

    return skip


def without_processes_and_network() -> None:
    """Makes tests that start a process or open an internet socket skip themselves."""
    for module in (os, posix):
        for name in PROCESSES:
            setattr(module, name, skips("needs a child process"))
    subprocess._fork_exec = skips("needs a child process")  # type: ignore[attr-defined]
    plain = socket.socket.__init__

    def init(self: socket.socket, family: int = -1, type: int = -1, proto: int = -1, fileno: int | None = None) -> None:
        if fileno is None and family != socket.AF_UNIX:
            raise unittest.SkipTest("needs a network")
        plain(self, family, type, proto, fileno)

    socket.socket.__init__ = init  # type: ignore[method-assign]


def cases(suite: unittest.TestSuite, left_out: list[str]) -> Iterator[unittest.TestSuite]:
    """The classes of a suite, as suites (which keeps their fixtures), without the tests that are left out."""
    kept = unittest.TestSuite()
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from cases(test, left_out)
        elif not any(name in test.id() for name in left_out):
            kept.addTest(test)
    if kept.countTestCases():
        yield kept


def run(name: str, left_out: list[str]) -> dict[str, Any]:
    """Runs one module of Python's tests."""
    module = importlib.import_module(f"test.{name}")
    suite = unittest.TestSuite(cases(unittest.defaultTestLoader.loadTestsFromModule(module), left_out))
    result = unittest.TextTestRunner(stream=sys.stderr, verbosity=0).run(suite)
    failed = [str(test) for test, _ in (*result.failures, *result.errors)]
    return {"ran": result.testsRun, "skipped": len(result.skipped), "failed": failed}


def main(arguments: list[str]) -> None:
    """Runs the modules that the arguments name, each as the ones before left the process."""
    # `socket_helper` looks for IPv6 when it is imported, and expects an ordinary error.
    import test.support
    from test.support import socket_helper  # type: ignore[import-untyped] # noqa: F401

    test.support.use_resources = []
    without_processes_and_network()
    os.chdir(tempfile.mkdtemp())
    left_out = [argument[1:] for argument in arguments if argument.startswith("-")]
    results = {}
    for name in (argument for argument in arguments if not argument.startswith("-")):
        try:
            results[name] = run(name, left_out)
        except Exception:
            traceback.print_exc()
            results[name] = {"ran": 0, "skipped": 0, "failed": ["everything"]}
    print(f"\n{json.dumps(results)}", flush=True)
    # Threads that tests leave behind must not keep the VM.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
