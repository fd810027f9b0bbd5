"""The words of the sources: a sentence names its subject (a user, a client, a thread)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
INDEFINITE = re.compile(r"nobody|whoever|somebody|\bno[ -]one\b", re.IGNORECASE)


@pytest.mark.parametrize("folder", ["jwtguard", "examples", "benchmarks", "tests", "docs", "."])
def test_sentences_name_their_subject(folder: str) -> None:
    """No source and no document of the folder has an indefinite person in a name, comment, docstring or message."""
    files = [
        path
        for suffix in ("*.py", "*.md")
        for path in ((ROOT / folder).glob(suffix) if folder == "." else (ROOT / folder).rglob(suffix))
        if path != Path(__file__) and "node_modules" not in path.parts
    ]
    assert files
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in files
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if INDEFINITE.search(line)
    ]
    assert found == []
