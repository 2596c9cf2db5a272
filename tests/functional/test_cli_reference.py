"""The generated references are those of this source; layers import downwards only."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from ramet.cli.reference import api_reference, cli_reference

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="argparse words its help differently in each version")
@pytest.mark.parametrize(("file", "make"), [("cli.md", cli_reference), ("python-reference.md", api_reference)])
def test_is_current(file: str, make) -> None:
    assert (ROOT / "docs/howto" / file).read_text() == make(), "run `python -m ramet.cli.reference`"


# Each imports only those before it.
LAYERS = [
    {"errors"},
    {"paths"},
    {"image"},
    {"registry"},
    {"launch", "result"},
    {"streams", "conversation", "process", "usage", "vm", "cloning", "template"},
    {"api"},
    {"aio", "doctor"},
    {"demo"},
    {"bench"},
    {"cli", "__main__"},
]


def test_layers() -> None:
    level = {name: number for number, names in enumerate(LAYERS) for name in names}
    package = ROOT / "python/ramet"
    wrong = []
    for path in package.rglob("*.py"):
        own = path.relative_to(package).parts[0].removesuffix(".py")
        if own == "__init__":
            continue
        assert own in level, f"{own} has no layer"
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ramet."):
                names = [(node.module or "").split(".")[1]]
            elif isinstance(node, ast.ImportFrom) and node.module == "ramet":
                names = [alias.name for alias in node.names if alias.name in level]
            elif isinstance(node, ast.Import):
                names = [alias.name.split(".")[1] for alias in node.names if alias.name.startswith("ramet.")]
            else:
                continue
            wrong += [f"{path.relative_to(package)} imports {name}" for name in names if level[name] > level[own]]
    assert not wrong


def test_run_imports_little() -> None:
    """The budget of `ramet run`: these modules cost milliseconds each (docs/decisions/0003-cli-parser.md)."""
    import subprocess

    program = (
        "import sys, ramet.cli; ramet.cli.make_parser('run'); import ramet.registry.vms, ramet.launch;"
        "print(' '.join(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"typing", "dataclasses", "subprocess", "socket", "asyncio", "inspect", "ramet.image", "rich"}
