"""The README's Python example does what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

README = Path(__file__).resolve().parents[2] / "README.md"


@pytest.mark.usefixtures("kvm")
def test_ten_lines_of_python(capsys: pytest.CaptureFixture[str]) -> None:
    example = re.search(r"## Ten lines of Python\n\n```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert example is not None
    exec(compile(example[1], "README.md", "exec"), {})
    assert capsys.readouterr().out == '{"answer": 49}\n' * 10
