"""Runs tests of Python's standard library inside a VM: ``python3 -c THIS MODULE... [-NAME...]``.

``-NAME`` leaves out tests whose name contains NAME. The last line of the output is JSON: by module, how many tests ran,
how many were skipped and which failed.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
import traceback
import unittest
from collections.abc import Iterator
from typing import Any


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
    import test.support

    test.support.use_resources = ["network"]
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
