"""Generated documents are current, and links in documents lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_table_of_system_calls_is_current() -> None:
    check = subprocess.run([sys.executable, ROOT / "scripts/syscall-table", "--check"], capture_output=True, text=True)
    assert check.returncode == 0, check.stderr


def test_the_page_of_compatibility_has_the_cases_that_there_are() -> None:
    check = subprocess.run([sys.executable, ROOT / "scripts/compatibility", "--check"], capture_output=True, text=True)
    assert check.returncode == 0, check.stderr


def test_links_in_documents_exist() -> None:
    broken = []
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text()):
            if "://" not in target and not (document.parent / target).exists():
                broken.append(f"{document.relative_to(ROOT)}: {target}")
    assert not broken, broken


def test_files_that_the_architecture_names_exist() -> None:
    """Paths in backquotes, from the root or from the kernel's sources, are there."""
    text = (ROOT / "ARCHITECTURE.md").read_text()
    named = re.findall(r"`((?:crates|python|tests|arch|syscalls|task|mm|boot|fs)/[\w/.]*)`", text)
    assert len(named) > 20
    missing = [path for path in named if not any((base / path).exists() for base in (ROOT, ROOT / "crates/kernel/src"))]
    assert not missing, missing
