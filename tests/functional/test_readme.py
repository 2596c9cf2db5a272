"""The README's examples do what it says."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from limits import LIMIT

README = Path(__file__).resolve().parents[2] / "README.md"


@pytest.mark.usefixtures("kvm")
def test_ten_lines_of_python(capsys: pytest.CaptureFixture[str]) -> None:
    example = re.search(r"## Ten lines of Python\n\n```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert example is not None
    exec(compile(example[1], "README.md", "exec"), {})
    assert capsys.readouterr().out == '{"answer": 49}\n' * 10


@pytest.mark.skipif("SVM_HOST" in os.environ, reason="makes an image from Debian packages: there is no network")
@pytest.mark.slow
@pytest.mark.usefixtures("kvm")
def test_commands(cli) -> None:
    """Every line after `make`, but for the one that needs a person at a terminal."""
    block = re.search(r"```sh\n(ramet doctor.*?)```", README.read_text(), re.DOTALL)
    assert block is not None
    lines = [line for line in block[1].splitlines() if " -it " not in line]
    assert len(lines) == block[1].count("\n") - 1
    function = f'ramet() {{ {shlex.join(cli.command)} "$@"; }}'
    script = "\n".join(["set -e", function, *lines])
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=LIMIT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\n42\n" in done.stdout and "\n1\n4\n9\n16\n" in done.stdout
    # Of `ramet exec`: a process that is nobody's child.
    assert re.search(r"^\d+ 0$", done.stdout, re.MULTILINE), done.stdout
    assert "command not found" not in done.stderr + cli("logs", "web", check=0).stderr
    cli("wait", "web", check=137)
    cli("rm", "web", check=0)
    cli("rmi", "tools", check=0)
